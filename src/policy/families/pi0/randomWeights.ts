import type { TensorSource } from '../../../tensors/safetensors.ts';
import type { Precision } from '../../bundle/precision.ts';
import { largeRandomTensors, randomTensors } from '../../paligemma/randomWeights.ts';
import type { Pi0Config } from './config.ts';
import { weightShapes } from './weights.ts';

/** Random weights of a π0, drawn from `seed`. */
export const randomWeights = (config: Pi0Config, seed: number): TensorSource[] =>
  randomTensors(weightShapes(config), seed);

/** Random weights for a π0 of the published size, in seconds. */
export const largeRandomWeights = (
  config: Pi0Config,
  seed: number,
  precision: Precision,
): TensorSource[] => largeRandomTensors(weightShapes(config), seed, precision);
