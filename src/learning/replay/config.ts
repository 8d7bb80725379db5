import { z } from 'zod';
import { choosingSchema } from '../../policy/choice/choice.ts';
import { steeredSchema } from '../../policy/steering/steering.ts';
import { validate } from '../../validate.ts';
import { behindPrefixSchema, readSettings } from '../methodSettings.ts';
import { trustRegionSchema } from '../policyGradient/config.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** The networks that judge chunks, and how they learn from kept attempts. */
export const chunkCriticSchema = z
  .strictObject({
    /** Networks of the ensemble; the least of two that are drawn counts (REDQ, arXiv 2101.05982: 10 and 2). */
    count: z.int().min(1).default(10),
    /** Units of each hidden layer. */
    hidden: z.array(z.int().min(1)).nonempty().default([64, 64]),
    rate: positive.default(1e-3),
    weightDecay: z.number().nonnegative().default(0.01),
    /** Polyak factor: the share of the target networks kept at each step. */
    polyak: share.lt(1).default(0.98),
    /** λ of the targets, per chunk: 1 is the return, 0 bootstraps after each chunk, as IQL does. */
    lambda: share.default(0.95),
    /** V is this expectile of Q (IQL, arXiv 2110.06169: 0.7 to 0.9). */
    expectile: share.gt(0).lt(1).default(0.7),
    /** Steps for each new attempt. */
    steps: z.int().min(1).default(10),
    /** Attempts of a step, half of them successes. */
    attempts: z.int().min(2).default(16),
  })
  .prefault({});

export type ChunkCriticConfig = z.infer<typeof chunkCriticSchema>;

/** The store of attempts. */
const storeSchema = z
  .strictObject({
    /** Gigabytes that it may take; the oldest attempts go first. */
    gigabytes: positive.default(20),
  })
  .prefault({});

/** A trust region for updates of 16 attempts. */
const NARROW = { maxKl: 0.1, decay: { share: 0.25, updates: 12 } };

/** Of FPO on kept attempts. */
const fpoReplaySchema = z
  .strictObject({
    /** The policy learns from so many attempts, the newest; critics learn from all. */
    recent: z.int().min(1).default(64),
    /** Chunks of an update, half of them from attempts that succeeded. */
    chunks: z.int().min(1).default(256),
    /** As for FPO: chunks whose standardised advantage is smaller are left out. */
    minAdvantage: z.number().nonnegative().default(0.25),
    /** Flow matching on own successes, beside the surrogate: its weight, in deviations of advantages. */
    imitation: z.number().nonnegative().default(0),
    samples: z.int().min(1).default(4),
    epochs: z.int().min(1).default(2),
    rate: positive.default(0.02),
    trustRegion: trustRegionSchema.prefault(NARROW),
    /** Chunks that the policy makes now in the states of kept ones, judged by critics; the kept ones where absent. */
    fresh: z
      .strictObject({
        /** Chunks of a state, which are compared with each other. */
        group: z.int().min(2).default(8),
        /** Standard deviation of what is added to all rows of each, as of exploration. */
        size: positive.default(0.02),
      })
      .optional(),
  })
  .prefault({});

/** Of flow matching on kept chunks. */
const imitationSettings = {
  /** Steps of an update, and the chunks of a step. */
  steps: z.int().min(1).default(30),
  batch: z.int().min(1).default(32),
  /** Pairs of noise and time per chunk. */
  samples: z.int().min(1).default(2),
};

/** Of in-sample learning. */
const inSampleSchema = z
  .strictObject({
    /** Of the weights exp(Â / temperature), with Â in deviations. */
    temperature: positive.default(1),
    /** Weights lie within e^±clip. */
    clip: positive.default(2),
    /** Share of the chunks of a step from attempts that succeeded. */
    successes: share.default(0.9),
    ...imitationSettings,
    rate: positive.default(1e-6),
  })
  .prefault({});

/** Of filtered imitation. */
const filteredSchema = z
  .strictObject({
    ...imitationSettings,
    /** So that an update moves the policy about as far as one of FPO on kept attempts does. */
    rate: positive.default(1e-6),
  })
  .prefault({});

/** Of preferences. */
const preferenceSchema = z
  .strictObject({
    /** The policy learns from so many attempts, the newest; critics learn from all. */
    recent: z.int().min(2).default(64),
    /** Pairs of an update, and the chunks of each of their attempts. */
    pairs: z.int().min(1).default(32),
    chunks: z.int().min(1).default(4),
    /** How soon a preference is satisfied; DPO's β on the mean over an attempt's chunks, not their sum. */
    beta: positive.default(1),
    samples: z.int().min(1).default(4),
    epochs: z.int().min(1).default(2),
    rate: positive.default(0.02),
    trustRegion: trustRegionSchema.prefault(NARROW),
  })
  .prefault({});

/** Of noise that is steered. */
const steerSchema = z
  .strictObject({
    ...steeredSchema.shape,
    /** Kept chunks of an update in whose states noise is tried, half of them from attempts that succeeded. */
    states: z.int().min(1).default(96),
    /** Rows of noise that are tried in each, beside zero and what the network says. */
    noises: z.int().min(1).default(4),
    /** Steps of an update, and the rows of a step. */
    steps: z.int().min(1).default(100),
    batch: z.int().min(1).default(128),
    rate: positive.default(1e-3),
    weightDecay: z.number().nonnegative().default(0.01),
    /** What half the squared length of a row costs, in expected reward: noise has to be worth being far from zero. */
    price: z.number().nonnegative().default(5e-3),
  })
  .prefault({});

export type SteerConfig = z.infer<typeof steerSchema>;

const settingsSchema = z.strictObject({
  trainable: behindPrefixSchema,
  seed: z.int().min(0),
  /** Discount γ per control step. */
  gamma: share.default(0.999),
  /** λ of the advantages, per chunk. */
  lambda: share.default(0.95),
  fpo: fpoReplaySchema,
  inSample: inSampleSchema,
  filtered: filteredSchema,
  preference: preferenceSchema,
  steer: steerSchema,
  /** Attempts of its own before the policy learns. */
  warmUp: z.int().min(0).default(32),
  critics: chunkCriticSchema,
  /** A folder of demonstrations, or of another policy's episodes, to learn from too; none where absent. */
  demonstrations: z.string().min(1).optional(),
  /** Rewards of each chunk, learned from own successes and failures; none where absent. */
  denseReward: z
    .strictObject({
      /** What a chunk's log odds are multiplied by. */
      weight: positive.default(0.02),
      /** Log odds lie within ±clip. */
      clip: positive.default(2),
    })
    .optional(),
  /** How critics choose a policy's chunks; each sample is played where absent, but by the method `choice`. */
  choice: choosingSchema.optional(),
  store: storeSchema,
});

export type ReplayConfig = z.infer<typeof settingsSchema>;

/** Loads the settings from a YAML file; defaults, on the action expert, for what it omits. */
export async function loadReplayConfig(
  path: string | undefined,
  seed: number,
): Promise<ReplayConfig> {
  const { source, content } = await readSettings(path);
  return validate(
    settingsSchema,
    { trainable: { parameters: 'expert' }, seed, ...content },
    source,
  );
}
