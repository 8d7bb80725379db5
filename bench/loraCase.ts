import type { FpoGraphOptions } from '../src/learning/fpoGraph.ts';
import { type Pi0Config, pi0ConfigSchema } from '../src/policy/pi0/config.ts';
import type { Trainable } from '../src/policy/trainable.ts';

/** One measurement: a learner's graph of π0's action expert at full width with an adapter. */
export interface LoraCase {
  graph: 'fpo' | 'imitation';
  rank: number;
  /** Layers of expert and cache; 18 is all of it. */
  depth: number;
  /** Pairs of noise and time of the one chunk. */
  samples: number;
  threads: number;
  /** Steps that count. */
  steps: number;
}

export const FULL_DEPTH = 18;

const CAMERAS = 3;

/** The published π0 (openpi's gemma_2b and gemma_300m), or its first layers. */
export function fullConfig(depth: number): Pi0Config {
  const attention = { depth, heads: 8, kvHeads: 1, headDim: 256 };
  return pi0ConfigSchema.parse({
    vision: { width: 1152, depth: 27, mlp: 4304, heads: 16, patch: 14, imageSize: 224 },
    language: { ...attention, width: 2048, mlp: 16_384, vocabulary: 257_152 },
    expert: { ...attention, width: 1024, mlp: 4096 },
    maxTokens: 48,
    horizon: 50,
    actionDim: 32,
    stateDim: 32,
  });
}

/** What a case's graphs are made from: 816 tokens of prefix, 14 joints, alpha equal to the rank. */
export function caseOf({ rank, depth, samples }: Pick<LoraCase, 'rank' | 'depth' | 'samples'>) {
  const config = fullConfig(depth);
  const trainable: Trainable = { parameters: 'lora', rank };
  const options: FpoGraphOptions = {
    ...{ config, trainable, cameras: CAMERAS, text: config.maxTokens, samples },
    dims: 14,
  };
  return { config, trainable, options };
}
