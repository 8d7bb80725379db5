import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';
import { flowTime } from '../imitation/flowMatching.ts';
import type { FpoConfig } from './config.ts';
import type { RolloutChunk } from './rollout.ts';

/** A chunk with its advantage, standardised over the update. */
export interface AdvantageChunk {
  chunk: RolloutChunk;
  advantage: number;
}

/** The same with its pairs of noise and flow time, drawn once for all steps of an update. */
export interface PairedChunk extends AdvantageChunk {
  /** [samples]; one time for all rows of the chunk. */
  time: Float32Array;
  /** [samples, horizon, actionDim] */
  noise: Float32Array;
}

/** The same with what the policy at the update's start makes of the pairs. */
export interface PreparedChunk extends PairedChunk {
  /** [samples] flow-matching losses. */
  oldLosses: Float32Array;
  /** [samples] the same with each row's loss clamped. */
  clampedLosses: Float32Array;
  /** [samples, horizon, actionDim] velocities, where losses are centred. */
  target?: Float32Array;
}

/** Purposes of random numbers, so that no two draw the same. */
export const STREAM = { critics: 21, criticOrder: 22, time: 23, noise: 24 };

const TIMES: Record<FpoConfig['ablation']['time'], (uniform: number) => number> = {
  policy: flowTime,
  uniform: (uniform) => uniform * 0.999 + 0.001,
  noisy: (uniform) => 0.7 + 0.3 * uniform,
};

/** Pairs for the chunks of update number `update`: the same whenever they are drawn again. */
export function drawPairs(
  chunks: readonly AdvantageChunk[],
  update: number,
  {
    seed,
    samples,
    ablation: { time },
  }: Pick<FpoConfig, 'seed' | 'samples'> & { ablation: Pick<FpoConfig['ablation'], 'time'> },
): PairedChunk[] {
  const draw = uniformNumbers([seed, STREAM.time, update]);
  return chunks.map(({ chunk, advantage }, i) => ({
    chunk,
    advantage,
    time: Float32Array.from({ length: samples }, () => TIMES[time](draw())),
    noise: gaussianNoise([seed, STREAM.noise, update, i], samples * chunk.actions.length),
  }));
}

/** Sum of squares over rows below which a difference is rounding. */
const ROUNDING = 1e-8;

/**
 * The factor of centred losses with which they are those of a Gaussian of exploration's spread: on average
 * half the number of dimensions that exploration moved, counted as those of equal spread and equal variance.
 */
export function centredScale(
  chunks: readonly Pick<RolloutChunk, 'actions' | 'mask'>[],
  centres: readonly Float32Array[],
  joints: number,
): number {
  const actionDim = chunks[0].actions.length / chunks[0].mask.length;
  const moved = new Float64Array(actionDim);
  chunks.forEach(({ actions, mask }, i) =>
    actions.forEach((action, at) => {
      const counts = mask[Math.floor(at / actionDim)];
      moved[at % actionDim] += (counts * (action - centres[i][at]) ** 2) / chunks.length;
    }),
  );
  const sum = moved.reduce((a, b) => a + b, 0);
  const squares = moved.reduce((a, b) => a + b ** 2, 0);
  const dims = sum ** 2 / Math.max(squares, ROUNDING ** 2);
  return Math.fround((dims * joints) / 2 / Math.max(sum, ROUNDING));
}
