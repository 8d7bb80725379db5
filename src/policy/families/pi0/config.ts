import { z } from 'zod';

const size = z.int().min(1);

const transformerSchema = z.strictObject({
  width: size,
  depth: size,
  mlp: size,
  heads: size,
  kvHeads: size,
  /** Even: rotary embedding turns its two halves against each other. */
  headDim: size.multipleOf(2),
});

export type TransformerConfig = z.infer<typeof transformerSchema>;

/** Dimensions of a π0 or π0.5: any size, from a toy to the published one. */
export const pi0ConfigSchema = z
  .strictObject({
    /** π0.5 reads the state in its prompt and feeds flow time to the expert's norms. */
    variant: z.enum(['pi0', 'pi05']).default('pi0'),
    vision: z.strictObject({
      width: size,
      depth: size,
      mlp: size,
      heads: size,
      /** Pixels of a patch's side. */
      patch: size,
      /** Pixels of an image's side. */
      imageSize: size,
    }),
    language: transformerSchema.extend({ vocabulary: size }),
    expert: transformerSchema,
    /** Prompt tokens at most. */
    maxTokens: size,
    /** Actions of a chunk. */
    horizon: size,
    actionDim: size,
    stateDim: size,
    /** Shortest and longest period of the time embedding, in flow time. */
    minPeriod: z.number().positive().default(4e-3),
    maxPeriod: z.number().positive().default(4),
  })
  .superRefine(({ vision, language, expert }, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    for (const field of ['depth', 'heads', 'kvHeads', 'headDim'] as const) {
      if (expert[field] !== language[field]) {
        refuse(['expert', field], `must equal language.${field}: the two attend to each other`);
      }
    }
    if (language.heads % language.kvHeads !== 0) {
      refuse(['language', 'heads'], 'must be a multiple of kvHeads');
    }
    if (vision.imageSize % vision.patch !== 0) {
      refuse(['vision', 'imageSize'], `must be a multiple of vision.patch (${vision.patch})`);
    }
    if (vision.width % vision.heads !== 0) {
      refuse(['vision', 'width'], `must be a multiple of vision.heads (${vision.heads})`);
    }
    if (expert.width % 2 !== 0) {
      refuse(['expert', 'width'], 'must be even: half of the time embedding is sines');
    }
  });

export type Pi0Config = z.infer<typeof pi0ConfigSchema>;

/** Whether the state enters as a token of its own; π0.5 reads it in the prompt. */
export const hasStateToken = ({ variant }: Pick<Pi0Config, 'variant'>): boolean =>
  variant === 'pi0';

/** Tokens that one camera adds to the prefix. */
export function tokensPerImage({ vision }: Pi0Config): number {
  return (vision.imageSize / vision.patch) ** 2;
}
