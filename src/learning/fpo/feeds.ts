import { Tensor } from '../../session/session.ts';
import type { Adaptable, Learnable } from '../../policy/learnable.ts';
import type { PairedChunk, PreparedChunk } from './pairs.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';

/** Concatenates arrays into a tensor. */
export function joined(parts: readonly Float32Array[], dims: number[]): Tensor {
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return new Tensor('float32', data, dims);
}

/** Graph inputs for the chunks' observations: caches, and states if the policy reads them separately. */
export function observationFeeds(
  chunks: readonly RolloutChunk[],
  policy: Adaptable,
): Record<string, Tensor> {
  const { cache, stateDim } = policy;
  const count = chunks.length;
  const prefix = chunks[0].valid.length;
  const size = cache.heads * prefix * cache.headDim;
  const layer = (index: number) =>
    joined(
      chunks.map((chunk) => chunk.cache.subarray(index * size, (index + 1) * size)),
      [count, cache.heads, prefix, cache.headDim],
    );
  const valid = new Uint8Array(count * prefix);
  chunks.forEach((chunk, i) => valid.set(chunk.valid, i * prefix));
  const feeds: Record<string, Tensor> = {
    valid: new Tensor('bool', valid, [count, prefix]),
  };
  if (policy.hasState)
    feeds.state = joined(chunks.map(({ state }) => state), [count, stateDim]); // prettier-ignore
  for (let i = 0; i < cache.layers; i++) {
    feeds[`keys.${i}`] = layer(2 * i);
    feeds[`values.${i}`] = layer(2 * i + 1);
  }
  return feeds;
}

/** The chunks in play that these were joined to, as previousInputs has them. */
export function previousFeeds(
  chunks: readonly RolloutChunk[],
  { horizon, actionDim }: Learnable,
): Record<string, Tensor> {
  const joins = chunks.map(({ join }) => join!);
  return {
    previous: joined(joins.map(({ previous }) => previous), [chunks.length, horizon, actionDim]), // prettier-ignore
    prefix_weights: joined(joins.map(({ weights }) => weights), [chunks.length, horizon, 1]), // prettier-ignore
  };
}

/** Inputs of flowLosses for a cache, with the rows of the previous chunk if the graph `keeps` them. */
export function flowFeeds(
  pairs: readonly PairedChunk[],
  policy: Learnable,
  keeps = false,
): Record<string, Tensor> {
  const { horizon, actionDim } = policy;
  const chunks = pairs.map(({ chunk }) => chunk);
  const count = pairs.length * pairs[0].time.length;
  const free = new Float32Array(horizon);
  const kept = pairs.flatMap(({ chunk: { join }, time }) =>
    Array.from(time, () => (join?.kind === 'trained' ? join.weights : free)),
  );
  return {
    ...(keeps && { kept: joined(kept, [count, horizon]) }),
    ...observationFeeds(chunks, policy),
    actions: joined(chunks.map(({ actions }) => actions), [chunks.length, horizon, actionDim]), // prettier-ignore
    mask: joined(chunks.map(({ mask }) => mask), [chunks.length, horizon]), // prettier-ignore
    noise: joined(pairs.map(({ noise }) => noise), [count, horizon, actionDim]), // prettier-ignore
    time: joined(pairs.map(({ time }) => time), [count]), // prettier-ignore
  };
}

/** The remaining inputs of fpoGraph; `scale` only for centred losses. */
export function surrogateFeeds(
  prepared: readonly PreparedChunk[],
  { horizon, actionDim }: Learnable,
  scale: number | undefined,
): Record<string, Tensor> {
  const count = prepared.length * prepared[0].time.length;
  return {
    ...(scale !== undefined && {
      target: joined(prepared.map(({ target }) => target!), [count, horizon, actionDim]), // prettier-ignore
      scale: new Tensor('float32', Float32Array.of(scale), []),
    }),
    old_losses: joined(prepared.map(({ clampedLosses }) => clampedLosses), [count]), // prettier-ignore
    advantages: new Tensor(
      'float32',
      Float32Array.from(prepared, ({ advantage }) => advantage),
      [prepared.length],
    ),
  };
}
