import { Tensor } from '../../session/session.ts';
import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';
import { type Pi0Config, hasStateToken } from '../../policy/families/pi0/config.ts';
import { flowTime } from '../imitation/flowMatching.ts';
import type { FpoConfig } from './config.ts';
import type { RolloutChunk } from './rollout.ts';

/** A chunk with what an update draws and computes for it once. */
export interface UpdateChunk {
  chunk: RolloutChunk;
  /** Standardised over the update. */
  advantage: number;
  /** [samples] of its pairs; one time for all rows of the chunk. */
  time: Float32Array;
  /** [samples, horizon, actionDim] */
  noise: Float32Array;
  /** [samples] under the policy at the update's start. */
  oldLosses: Float32Array;
  /** [samples] the same with each row's loss clamped. */
  clampedLosses: Float32Array;
  /** [samples, horizon, actionDim] of the velocity, where losses are centred. */
  target?: Float32Array;
}

/** Of a chunk's sum over rows: rounding alone makes less. */
const LEAST_MOVED = 1e-8;

/** Purposes of random numbers, so that no two draw the same. */
export const STREAM = {
  critics: 21,
  criticOrder: 22,
  time: 23,
  noise: 24,
  baseline: 26,
};

const TIMES: Record<FpoConfig['time'], (uniform: number) => number> = {
  policy: flowTime,
  uniform: (uniform) => uniform * 0.999 + 0.001,
  noisy: (uniform) => 0.7 + 0.3 * uniform,
};

/** The chunks of update number `update` with their pairs of noise and time, the same whenever they are asked for. */
export function drawPairs(
  chunks: readonly RolloutChunk[],
  advantages: readonly number[],
  update: number,
  { seed, samples, time }: Pick<FpoConfig, 'seed' | 'samples' | 'time'>,
): UpdateChunk[] {
  const draw = uniformNumbers([seed, STREAM.time, update]);
  return chunks.map((chunk, i) => ({
    chunk,
    advantage: advantages[i],
    time: Float32Array.from({ length: samples }, () => TIMES[time](draw())),
    noise: gaussianNoise([seed, STREAM.noise, update, i], samples * chunk.actions.length),
    oldLosses: new Float32Array(samples),
    clampedLosses: new Float32Array(samples),
  }));
}

/** Parts one behind the other, as a tensor. */
export function joined(parts: readonly Float32Array[], dims: number[]): Tensor {
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return new Tensor('float32', data, dims);
}

/** Caches of some chunks, and states where the policy takes them beside, as a graph's inputs. */
export function observationFeeds(
  chunks: readonly RolloutChunk[],
  config: Pi0Config,
): Record<string, Tensor> {
  const { expert, stateDim } = config;
  const count = chunks.length;
  const prefix = chunks[0].valid.length;
  const size = expert.kvHeads * prefix * expert.headDim;
  const layer = (index: number) =>
    joined(
      chunks.map(({ cache }) => cache.subarray(index * size, (index + 1) * size)),
      [count, expert.kvHeads, prefix, expert.headDim],
    );
  const valid = new Uint8Array(count * prefix);
  chunks.forEach((chunk, i) => valid.set(chunk.valid, i * prefix));
  const feeds: Record<string, Tensor> = {
    valid: new Tensor('bool', valid, [count, prefix]),
  };
  if (hasStateToken(config))
    feeds.state = joined(chunks.map(({ state }) => state), [count, stateDim]); // prettier-ignore
  for (let i = 0; i < expert.depth; i++) {
    feeds[`keys.${i}`] = layer(2 * i);
    feeds[`values.${i}`] = layer(2 * i + 1);
  }
  return feeds;
}

/** What chunks were made to join, as previousInputs has it. */
export function previousFeeds(
  chunks: readonly RolloutChunk[],
  { horizon, actionDim }: Pi0Config,
): Record<string, Tensor> {
  const joins = chunks.map(({ join }) => join!);
  return {
    previous: joined(joins.map(({ previous }) => previous), [chunks.length, horizon, actionDim]), // prettier-ignore
    prefix_weights: joined(joins.map(({ weights }) => weights), [chunks.length, horizon, 1]), // prettier-ignore
  };
}

/** Some chunks as inputs of flowLosses for a cache, with the rows that were kept where it `keeps`. */
export function flowFeeds(
  some: readonly UpdateChunk[],
  config: Pi0Config,
  keeps = false,
): Record<string, Tensor> {
  const { horizon, actionDim } = config;
  const chunks = some.map(({ chunk }) => chunk);
  const pairs = some.length * some[0].time.length;
  const free = new Float32Array(horizon);
  const kept = some.flatMap(({ chunk: { join }, time }) =>
    Array.from(time, () => (join?.kind === 'trained' ? join.weights : free)),
  );
  return {
    ...(keeps && { kept: joined(kept, [pairs, horizon]) }),
    ...observationFeeds(chunks, config),
    actions: joined(chunks.map(({ actions }) => actions), [some.length, horizon, actionDim]), // prettier-ignore
    mask: joined(chunks.map(({ mask }) => mask), [some.length, horizon]), // prettier-ignore
    noise: joined(some.map(({ noise }) => noise), [pairs, horizon, actionDim]), // prettier-ignore
    time: joined(some.map(({ time }) => time), [pairs]), // prettier-ignore
  };
}

/**
 * The factor of centred losses with which they are those of a Gaussian of what exploration changed: on
 * average half the number of dimensions that it changed (those of equal spread that would vary as much).
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
  const dims = sum ** 2 / Math.max(squares, LEAST_MOVED ** 2);
  return Math.fround((dims * joints) / 2 / Math.max(sum, LEAST_MOVED));
}

/** The rest of fpoGraph's inputs; `scale` where losses are centred. */
export function surrogateFeeds(
  some: readonly UpdateChunk[],
  { horizon, actionDim }: Pi0Config,
  scale: number | undefined,
): Record<string, Tensor> {
  const pairs = some.length * some[0].time.length;
  return {
    ...(scale !== undefined && {
      target: joined(some.map((one) => one.target!), [pairs, horizon, actionDim]), // prettier-ignore
      scale: new Tensor('float32', Float32Array.of(scale), []),
    }),
    old_losses: joined(some.map((one) => one.clampedLosses), [pairs]), // prettier-ignore
    advantages: new Tensor(
      'float32',
      Float32Array.from(some, ({ advantage }) => advantage),
      [some.length],
    ),
  };
}
