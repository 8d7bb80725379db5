import { z } from 'zod';

const size = z.int().min(1);
const name = z.string().min(1);

/**
 * A module of Octo's: its class and arguments, which published configurations keep in `kwargs`, beside them here. What
 * is absent has the class's default.
 */
const moduleOf = <T extends z.ZodRawShape>(fields: T) =>
  z.preprocess(
    (value) => {
      const given = (value ?? {}) as { kwargs?: object };
      return { ...given, ...given.kwargs };
    },
    z.looseObject({ name, ...fields }),
  );

const encoderSchema = moduleOf({
  use_film: z.boolean().default(false),
  patch_size: size.optional(),
  kernel_sizes: z.array(size).default([3, 3, 3, 3]),
  strides: z.array(size).default([2, 2, 2, 2]),
  padding: z.array(z.int().min(0)).default([1, 1, 1, 1]),
  img_norm_type: z.string().default('default'),
});

const tokenizerSchema = moduleOf({
  encoder: z.unknown().optional(),
  use_token_learner: z.boolean().default(false),
  obs_stack_keys: z.array(z.string()).optional(),
  task_stack_keys: z.array(z.string()).default([]),
  task_film_keys: z.array(z.string()).default([]),
});

const headSchema = moduleOf({
  readout_key: name,
  use_map: z.boolean().default(false),
  action_horizon: size.optional(),
  pred_horizon: size.optional(),
  action_dim: size.default(7),
  max_action: z.number().positive().default(5),
  num_blocks: z.int().min(0).default(3),
  use_layer_norm: z.boolean().default(true),
  diffusion_steps: size.default(20),
});

const languageSchema = moduleOf({ encoder: z.string().nullish() });

/** What is read of an Octo checkpoint's config.json: fields of OctoModule.create, and how actions were normalised. */
export const octoConfigFileSchema = z.looseObject({
  model: z.looseObject({
    observation_tokenizers: z.record(z.string(), tokenizerSchema),
    task_tokenizers: z.record(z.string(), languageSchema).default({}),
    heads: z.record(z.string(), headSchema),
    readouts: z.record(z.string(), size),
    transformer_kwargs: z.looseObject({
      num_attention_heads: size,
      add_position_embedding: z.boolean().default(false),
    }),
    repeat_task_tokens: z.boolean().default(false),
    use_correct_attention: z.boolean().default(false),
  }),
});

export { encoderSchema };

export type OctoSpec = z.infer<typeof octoConfigFileSchema>['model'];
export type TokenizerSpec = OctoSpec['observation_tokenizers'][string];
