import { z } from 'zod';
import type { Trainable } from '../../policy/trainable.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/**
 * The critics: an ensemble that estimates V(s), the expected discounted reward (Lyu et al., arXiv
 * 2510.09976).
 */
export const criticsSchema = z
  .strictObject({
    /** Number of networks; the minimum of their estimates is used. 1 is the paper's ablation. */
    count: z.int().min(1).default(5),
    /** Units of each hidden layer. */
    hidden: z.array(z.int().min(1)).nonempty().default([64, 64]),
    /** Adam's learning rate; FPO++ (arXiv 2602.02481) uses 1e-4 with a hundred times the data per update. */
    rate: positive.default(1e-3),
    /** AdamW's weight decay; without it the critics overfit the few hundred chunks of an update. */
    weightDecay: z.number().nonnegative().default(0.01),
    epochs: z.int().min(1).default(15),
    /** Chunks per minibatch. */
    minibatch: z.int().min(1).default(128),
    /** Polyak factor: the share of the target networks kept at each step. */
    polyak: share.default(0.995),
    /**
     * λ of the targets, per chunk. 0 is the paper's one-step target, with which a reward at the end takes
     * many steps to propagate to the beginning; 1 is the return.
     */
    lambda: share.default(0.95),
    /** Warm-up: the first updates train only the critics (FPO++: one). */
    warmUp: z.int().min(0).default(1),
  })
  .prefault({});

export type CriticsConfig = z.infer<typeof criticsSchema>;

/** Limits at which an update stops. */
export const trustRegionSchema = z
  .strictObject({
    /**
     * Limit of the approximate KL, the mean over pairs of ratio − 1 − log ratio; 0.4 is a log ratio of 0.9. A
     * last step that exceeds it is shortened.
     */
    maxKl: positive.default(0.4),
    /**
     * maxKl decays linearly to this share over so many policy updates. For a good policy, most of the gradient
     * from 64 attempts is noise, and steps as long as the first ones make it worse.
     */
    decay: z
      .strictObject({
        share: share.gt(0).default(0.25),
        updates: z.int().min(1).default(8),
      })
      .prefault({}),
    /** Largest share of ratios outside 1 ± clip. */
    maxClipFraction: share.default(0.9),
  })
  .prefault({});

/** Settings of a method whose advantages are generalised ones over critics. */
export const creditSettings = {
  /** Discount γ per control step (FPO++: 0.99 to 0.999, the last for long tasks). */
  gamma: share.default(0.999),
  /** λ of generalised advantage estimation (arXiv 1506.02438), per chunk. */
  lambda: share.default(0.95),
  /**
   * Minimum standard deviation by which advantages are divided, for a reward of 1. Where all attempts end
   * alike, only the critics' noise would be amplified.
   */
  advantageFloor: positive.default(0.05),
  /**
   * Minimum absolute standardised advantage. Chunks below it are left out because they carry almost no
   * signal: after the grasp of a transfer the critics already know the outcome, and seven of ten chunks are
   * below.
   */
  minAdvantage: z.number().nonnegative().default(0.25),
  critics: criticsSchema,
};

/** What a method with critics makes advantages of. */
export interface CriticSettings {
  /** Discount per control step. */
  gamma: number;
  /** λ of generalised advantage estimation, per chunk. */
  lambda: number;
  critics: CriticsConfig;
}

/** The settings that all policy gradients share; see fpo/config.ts. */
export interface GradientConfig extends Partial<CriticSettings> {
  trainable: Trainable;
  seed: number;
  epochs: number;
  trustRegion: z.infer<typeof trustRegionSchema>;
  advantageFloor: number;
  minAdvantage: number;
  /** Absent where views do not move. */
  view?: number;
}
