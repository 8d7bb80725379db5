import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';
import { flowTime } from '../imitation/flowMatching.ts';
import type { FpoConfig } from './config.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';
import type { AdvantageChunk } from '../policyGradient/learningPolicy.ts';
import { STREAM } from '../policyGradient/streams.ts';

/** An advantage chunk with its pairs of noise and flow time, drawn once for all steps of an update. */
export interface PairedChunk extends AdvantageChunk {
  /** [samples]; one time for all rows of the chunk. */
  time: Float32Array;
  /** [samples, horizon, actionDim] */
  noise: Float32Array;
}

/** A paired chunk with its losses under the policy at the start of the update. */
export interface PreparedChunk extends PairedChunk {
  /** [samples] flow-matching losses. */
  oldLosses: Float32Array;
  /** [samples] losses with each row's clamped. */
  clampedLosses: Float32Array;
  /** [samples, horizon, actionDim] target velocities, for centred losses. */
  target?: Float32Array;
}

const TIMES: Record<FpoConfig['ablation']['time'], (uniform: number) => number> = {
  policy: flowTime,
  uniform: (uniform) => uniform * 0.999 + 0.001,
  noisy: (uniform) => 0.7 + 0.3 * uniform,
};

/**
 * Draws pairs for the chunks of update number `update`; the same arguments give the same pairs. Chunks of one
 * network call depend on the velocity at t = 1 alone, so theirs are of that time.
 */
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
    time: Float32Array.from({ length: samples }, () =>
      chunk.integration!.steps === 1 ? 1 : TIMES[time](draw()),
    ),
    noise: gaussianNoise([seed, STREAM.noise, update, i], samples * chunk.actions.length),
  }));
}

/** Sums of squares below this are rounding errors. */
const ROUNDING = 1e-8;

/**
 * Scales centred losses to those of a Gaussian with exploration's deviation: their mean becomes half the
 * effective number of explored dimensions, (Σ variance)² / Σ variance².
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
