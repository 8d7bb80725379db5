import type { TensorSource } from '../tensors/safetensors.ts';
import type { BundleConfig } from './bundle/config.ts';
import type { Precision } from './bundle/precision.ts';

/** An architecture's rows, which are set for a robot. */
export interface Rows {
  actionDim: number;
  stateDim: number;
}

/** A bundle's configuration, but for what its weights and statistics set. */
export type SizedConfig<A = unknown> = Omit<
  BundleConfig<A>,
  'name' | 'description' | 'transforms' | 'precision'
>;

/** A policy that can be made from random weights. */
export interface Size<A extends Rows = Rows> {
  /** In a bundle's description. */
  what: (robot: string) => string;
  config: SizedConfig<A>;
  /** Numbers of a row of states and actions, for this many joints; those beyond the joints are padding. */
  rowOf: (joints: number) => number;
  weights(architecture: A, seed: number, precision: Precision): TensorSource[];
  /** By which statistics it is normalised. */
  normalisation: 'meanStd' | 'quantile';
  /**
   * What of it depends on the chunks that it will learn, [horizon, actionDim], normalised: its architecture, and files
   * beside its weights. Absent where nothing does.
   */
  fit?(architecture: A, chunks: readonly Float32Array[]): { architecture: A; files: Record<string, string> }; // prettier-ignore
}
