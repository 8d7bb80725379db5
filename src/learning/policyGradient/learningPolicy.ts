import type { RolloutChunk } from '../attempts/rollout.ts';
import type { BatchPart, TrainingState } from '../train/trainer.ts';
import type { Measures } from './trustRegion.ts';

/** A chunk with its advantage, standardised over the update. */
export interface AdvantageChunk {
  chunk: RolloutChunk;
  advantage: number;
}

/** When an update is made. */
export interface Moment {
  /** Its number, counted from 0. */
  update: number;
  /** What chunks of the policy as it is now are recorded with. */
  versions: readonly string[];
}

/** The graph inputs of each microbatch of an update. */
export interface Batch {
  parts: readonly BatchPart[];
}

/** A policy trained on the gradient of a clipped surrogate. */
export interface LearningPolicy<B extends Batch = Batch> {
  /** See Trainer. */
  readonly state: TrainingState;
  /** Whether ratios are clipped. */
  readonly clips: boolean;
  /**
   * The chunks of an update with what the surrogate compares them to. Throws a `UserError` for chunks of another
   * policy.
   */
  batchOf(chunks: readonly AdvantageChunk[], moment: Moment): Promise<B>;
  /** Measures the current parameters. */
  measure(batch: B): Promise<Measures>;
  /**
   * Takes one optimiser step if `accept` returns true for the measures before it. Returns the gradient's norm
   * before clipping; undefined if no step was taken.
   */
  step(batch: B, accept: (measures: Measures) => boolean): Promise<number | undefined>;
  /** Scales the last step to this share of its length. */
  shortenStep(share: number): void;
  close(): Promise<void>;
}
