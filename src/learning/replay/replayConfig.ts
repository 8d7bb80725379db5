import { z } from 'zod';
import { trainableSchema } from '../../policy/trainable.ts';
import { readYaml, validate } from '../../validate.ts';
import { trustRegionSchema } from '../policyGradient/config.ts';
import { chunkCriticSchema, storeSchema } from './config.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** Of FPO on kept attempts. */
const fpoReplaySchema = z
  .strictObject({
    /** The policy learns from so many attempts, the newest; critics learn from all. */
    recent: z.int().min(1).default(64),
    /** Chunks of an update, half of them from attempts that succeeded. */
    chunks: z.int().min(1).default(256),
    /** As for FPO: chunks whose standardised advantage is smaller are left out. */
    minAdvantage: z.number().nonnegative().default(0.25),
    samples: z.int().min(1).default(4),
    epochs: z.int().min(1).default(2),
    rate: positive.default(0.02),
    trustRegion: trustRegionSchema.prefault({ maxKl: 0.1, decay: { share: 0.25, updates: 12 } }),
  })
  .prefault({});

/** Of in-sample learning. */
const inSampleSchema = z
  .strictObject({
    /** Of the weights exp(Â / temperature), with Â in deviations. */
    temperature: positive.default(1),
    /** Weights lie within e^±clip. */
    clip: positive.default(2),
    /** Steps of an update, the chunks of a step, and the share of these from attempts that succeeded. */
    steps: z.int().min(1).default(30),
    batch: z.int().min(1).default(32),
    successes: share.default(0.9),
    /** Pairs of noise and time per chunk. */
    samples: z.int().min(1).default(2),
    rate: positive.default(1e-4),
  })
  .prefault({});

const settingsSchema = z.strictObject({
  trainable: trainableSchema.refine(
    ({ parameters }) => parameters !== 'all',
    'must be expert or lora: the prefix stays frozen',
  ),
  seed: z.int().min(0),
  /** Discount γ per control step. */
  gamma: share.default(0.999),
  /** λ of the advantages, per chunk. */
  lambda: share.default(0.95),
  fpo: fpoReplaySchema,
  inSample: inSampleSchema,
  /** Attempts before the policy learns. */
  warmUp: z.int().min(0).default(32),
  critics: chunkCriticSchema,
  store: storeSchema,
});

export type ReplayConfig = z.infer<typeof settingsSchema>;

/** Loads the settings from a YAML file; defaults, on the action expert, for what it omits. */
export async function loadReplayConfig(
  path: string | undefined,
  seed: number,
): Promise<ReplayConfig> {
  const source = path ?? 'the default configuration';
  const content = path === undefined ? {} : ((await readYaml(path)) as object | null);
  return validate(
    settingsSchema,
    { trainable: { parameters: 'expert' }, seed, ...content },
    source,
  );
}
