import type { Exploration } from './exploration.ts';

/** The steps of a flow that was explored: its states, and the Gaussian noise in them. */
export interface Chain extends Pick<Exploration, 'size' | 'correlation' | 'persistence'> {
  /** [calls, horizon, actionDim] x after each network call, noise included; normalised. */
  states: Float32Array;
  /** [calls, horizon, actionDim] the noise that was added after each, drawn as explorationNoise has it; zeros where none was. */
  noise: Float32Array;
}

/** The chain of a flow that was explored in this way. */
export const chainOf = (
  { size, correlation, persistence }: Exploration,
  states: Float32Array,
  noise: Float32Array,
): Chain => ({ size, correlation, persistence, states, noise });
