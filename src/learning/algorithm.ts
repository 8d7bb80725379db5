import type { Adapter } from '../policy/bundle/adapter.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import type { SessionConfig } from '../session/session.ts';
import type { TensorSource } from '../tensors/safetensors.ts';
import type { Rollout } from './fpo/rollout.ts';
import type { UpdateMetrics } from './metrics.ts';

/** A method that improves a policy from its own attempts. The learner knows nothing else of it. */
export interface Algorithm {
  /**
   * One update on attempts of the policy as it stands. Throws a UserError where there is nothing to learn
   * from, or where a number is not finite; the algorithm must then be opened again from a saved state.
   */
  update(attempts: readonly Rollout[]): Promise<UpdateMetrics>;
  /** The policy's parameters as they stand, for samplers to adopt. */
  adapter(): Adapter;
  /** Puts the policy back to a version's file; what else was learned stays. */
  restore(file: string): Promise<void>;
  /** Everything that the next update needs. Valid until that update. */
  readonly state: AlgorithmState;
  close(): Promise<void>;
}

/** Contents of a state file. */
export interface AlgorithmState {
  /** Names the algorithm and the layout of its state. */
  format: string;
  tensors: TensorSource[];
  /** Counters and other small values, as text. */
  values: Record<string, string>;
}

/** What an algorithm works on. */
export interface AlgorithmContext {
  bundle: Bundle;
  /** Joints of the robot. */
  joints: number;
  session: SessionConfig;
}

/**
 * Opens an algorithm on a policy: at the bundle's parameters, or where `stateFile` stands. Throws a
 * UserError for a state that is not the algorithm's, or does not fit the policy.
 */
export type OpenAlgorithm = (context: AlgorithmContext, stateFile?: string) => Promise<Algorithm>;
