import { z } from 'zod';
import { validate } from '../../validate.ts';
import { behindPrefixSchema, readSettings } from '../methodSettings.ts';
import { creditSettings, trustRegionSchema } from '../policyGradient/config.ts';

const positive = z.number().positive();

/** Values without a source are this project's own. */
const settingsSchema = z.strictObject({
  trainable: behindPrefixSchema.prefault({ parameters: 'expert' }),
  seed: z.int().min(0),
  /** Maximum number of steps per update, each along the gradient of all its chunks. */
  epochs: z.int().min(1).default(2),
  /** Steps of flows computed at once, as memory allows. */
  microbatch: z.int().min(1).default(256),
  /** As for FPO: the norm of the first step over all parameters, which the trust region shortens if needed. */
  rate: positive.default(0.01),
  /** Gradient clipping norm. */
  maxGradientNorm: positive.default(1),
  /** Clip range: half the width around a ratio of 1 (pi_RL, arXiv 2510.25889: 0.2). */
  clip: positive.max(1).default(0.2),
  /** As for FPO, with the KL divergence of a flow's step. */
  trustRegion: trustRegionSchema,
  ...creditSettings,
});

/** Settings of PPO on the steps of a flow. */
export type FlowPpoConfig = z.infer<typeof settingsSchema>;

/** Settings as they are read. Throws a `UserError` that names `source`. */
export const flowPpoConfig = (read: unknown, source: string): FlowPpoConfig =>
  validate(settingsSchema, read, source);

/** Loads the settings from a YAML file; defaults for what it omits. */
export async function loadFlowPpoConfig(
  path: string | undefined,
  seed: number,
): Promise<FlowPpoConfig> {
  const { source, content } = await readSettings(path);
  return flowPpoConfig({ seed, ...content }, source);
}
