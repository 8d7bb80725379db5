import { z } from 'zod';
import { trainableSchema } from '../../policy/trainable.ts';
import { validate } from '../../validate.ts';
import { readSettings } from '../methodSettings.ts';
import { creditSettings, trustRegionSchema } from '../policyGradient/config.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** What PPO and GRPO on tokens have in common. Values without a source are this project's own. */
const tokenSettings = {
  /** Parameters that learn. The prompt is read by frozen weights, so that it is encoded once for all epochs. */
  trainable: trainableSchema
    .refine(({ parameters }) => parameters === 'lora', 'must be lora: the prefix stays frozen')
    .prefault({ parameters: 'lora', rank: 16 }),
  seed: z.int().min(0),
  /** Maximum number of steps per update, each along the gradient of all its tokens. */
  epochs: z.int().min(1).default(4),
  /** Chunks computed at once, as memory allows. */
  microbatch: z.int().min(1).default(32),
  /**
   * Largest length of a step over all parameters, which the trust region shortens if needed. At 1, steps from 64 attempts
   * of which few succeeded stayed a tenth of it.
   */
  rate: positive.default(3),
  /** Gradient clipping norm. */
  maxGradientNorm: positive.default(1),
  /**
   * How far below and above 1 a token's ratio counts. SimpleVLA-RL (arXiv 2509.09674) clips at 0.8 and 1.28, so that
   * what was unlikely can become likely; VLA-RL (arXiv 2505.18719) at 0.2 on both sides.
   */
  clip: z
    .strictObject({ low: share.gt(0).default(0.2), high: positive.default(0.28) })
    .prefault({}),
  /** As for FPO, with the approximate KL of a token. */
  trustRegion: trustRegionSchema.prefault({ maxKl: 0.01 }),
};

const ppoSchema = z.strictObject({ ...tokenSettings, ...creditSettings });

const grpoSchema = z.strictObject(tokenSettings);

/** Settings of PPO, with critics, or of GRPO, without. */
export type TokenConfig = z.infer<typeof grpoSchema> &
  (z.infer<typeof ppoSchema> | { advantageFloor: number; minAdvantage: number });

const SCHEMAS = { ppo: ppoSchema, grpo: grpoSchema };

export type TokenMethod = keyof typeof SCHEMAS;

/** Every attempt of a group counts, by its reward. */
const GROUP = { advantageFloor: Number.MIN_VALUE, minAdvantage: 0 };

/** Settings of a method as they are read. Throws a `UserError` that names `source`. */
export const tokenConfig = (method: TokenMethod, read: unknown, source: string): TokenConfig => ({
  ...GROUP,
  ...validate(SCHEMAS[method] as typeof grpoSchema, read, source),
});

/** Loads a method's settings from a YAML file: in the block of its name, or at the top level; defaults for what it omits. */
export async function loadTokenConfig(
  method: TokenMethod,
  path: string | undefined,
  seed: number,
): Promise<TokenConfig> {
  const { source, content } = await readSettings(path);
  const isInBlock = typeof content === 'object' && content !== null && method in content;
  const block = isInBlock ? (content as Record<string, object | null>)[method] : content;
  return tokenConfig(method, { seed, ...block }, source);
}
