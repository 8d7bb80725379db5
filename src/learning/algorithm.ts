import type { Adapter } from '../policy/bundle/adapter.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import type { SessionConfig } from '../session/session.ts';
import type { TensorSource } from '../tensors/safetensors.ts';
import type { Rollout } from './attempts/rollout.ts';
import type { UpdateMetrics } from './metrics.ts';

/** The rewards of attempts by id; null where one was discarded afterwards. */
export type Outcomes = ReadonlyMap<string, { reward: number | null }>;

/** A method that improves a policy from its own attempts; the learner's only interface to it. */
export interface Algorithm {
  /**
   * One update on attempts of the current policy. Throws a UserError if there is nothing to learn from, or if
   * a number is not finite; the algorithm must then be reopened from a saved state. `outcomes` are those of all
   * attempts so far as they are labelled now, by id, for an algorithm that learns from attempts again.
   */
  update(attempts: readonly Rollout[], outcomes?: Outcomes): Promise<UpdateMetrics>;
  /** The policy's current parameters, for samplers to adopt. */
  adapter(): Adapter;
  /** Resets the policy to a version's file; other state is kept. */
  restore(file: string): Promise<void>;
  /** The complete state before the next update; valid until then. */
  readonly state: AlgorithmState;
  close(): Promise<void>;
}

/** Contents of a state file. */
export interface AlgorithmState {
  /** Identifies the algorithm and its state's layout. */
  format: string;
  tensors: TensorSource[];
  /** Counters and other small values, as text. */
  values: Record<string, string>;
}

/** The policy and robot that an algorithm works on. */
export interface AlgorithmContext {
  bundle: Bundle;
  /** Joints of the robot. */
  joints: number;
  session: SessionConfig;
}

/** The same for an algorithm that keeps more than its state, in a folder of its own in the learner's. */
export interface LearnerContext extends AlgorithmContext {
  folder: string;
}

/**
 * Opens an algorithm on a policy, at the bundle's parameters or at the state in `stateFile`. Throws a
 * UserError if that state is another algorithm's or does not fit the policy.
 */
export type OpenAlgorithm<Context extends AlgorithmContext = LearnerContext> = (
  context: Context,
  stateFile?: string,
) => Promise<Algorithm>;
