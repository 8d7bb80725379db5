import { learnablePi0 } from '../src/policy/families/pi0/learnable.ts';
import type { FpoGraphOptions } from '../src/learning/fpo/graph.ts';
import { FULL } from '../src/policy/families/pi0/full.ts';
import type { Pi0Config } from '../src/policy/families/pi0/config.ts';
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
  const { language, expert, ...rest } = FULL.architecture;
  return { ...rest, language: { ...language, depth }, expert: { ...expert, depth } };
}

/** What a case's graphs are made from: 816 tokens of prefix, 14 joints, alpha equal to the rank. */
export function caseOf({ rank, depth, samples }: Pick<LoraCase, 'rank' | 'depth' | 'samples'>) {
  const config = fullConfig(depth);
  const trainable: Trainable = { parameters: 'lora', rank };
  const options: FpoGraphOptions = {
    ...{
      policy: learnablePi0(config),
      trainable,
      cameras: CAMERAS,
      text: config.maxTokens,
      samples,
    },
    dims: 14,
  };
  return { config, trainable, options };
}
