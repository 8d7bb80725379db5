import type { Rollout } from '../attempts/rollout.ts';
import type { CriticMetrics } from '../metrics.ts';

/** What an update makes of attempts. */
export interface Assessment {
  /** Advantages of the attempts' chunks, concatenated in order. */
  advantages: readonly number[];
  /**
   * Learns from the same attempts. It is done last, so that advantages come from what has not seen them. Undefined
   * where there is nothing to learn.
   */
  learn(update: number): Promise<CriticMetrics | undefined>;
}

/** What tells how much better an attempt's chunks turned out than could be expected. */
export interface Baseline {
  /** Updates that it learns from before the policy does. */
  readonly warmUp: number;
  assess(attempts: readonly Rollout[]): Promise<Assessment>;
  /** The advantages of those chunks that were executed as the surrogate takes them. */
  scaled(advantages: readonly number[]): number[];
  close(): Promise<void>;
}
