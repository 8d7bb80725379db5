import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { elementCount } from '../../src/onnx/dim.ts';
import { gaussianNoise, uniformNumbers } from '../../src/tensors/noise.ts';
import { type Pi0Config, hasStateToken, pi0ConfigSchema } from '../../src/policy/families/pi0/config.ts'; // prettier-ignore
import { sampleGraph } from '../../src/policy/families/pi0/graphs.ts';
import { integrationTensor } from '../../src/policy/integrationTensor.ts';
import { inputWeights } from '../../src/policy/paligemma/weights.ts';
import { weightShapes } from '../../src/policy/families/pi0/weights.ts';
import { runGraph } from '../onnx/run.ts';
import { liveWeights } from './pi05.ts';

/** A π0 or π0.5 of any proportions. */
const configs = fc
  .record({
    variant: fc.constantFrom('pi0', 'pi05'),
    depth: fc.integer({ min: 1, max: 3 }),
    kvHeads: fc.constantFrom(1, 2),
    group: fc.constantFrom(1, 2, 4),
    headDim: fc.constantFrom(8, 16, 32),
    widths: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 6, maxLength: 6 }),
    horizon: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ variant, depth, kvHeads, group, headDim, widths, horizon }): Pi0Config => {
    const heads = kvHeads * group;
    const both = { depth, heads, kvHeads, headDim };
    const [a, b, c, d, e, f] = widths.map((width) => 4 * width);
    return pi0ConfigSchema.parse({
      variant,
      vision: { width: 2 * a, depth, mlp: b, heads: 2, patch: 2, imageSize: 4 },
      language: { ...both, width: c, mlp: d, vocabulary: 20 },
      expert: { ...both, width: e, mlp: f },
      ...{ maxTokens: 6, horizon, actionDim: 3, stateDim: 3 },
    });
  });

function feedsOf(config: Pi0Config, cameras: number, text: number) {
  const batch = 1;
  const { horizon, actionDim, stateDim, language, vision } = config;
  const side = vision.imageSize;
  const draw = uniformNumbers([7]);
  const normal = (seed: number, dims: number[]) =>
    new Tensor('float32', gaussianNoise(seed, elementCount(dims) as number), dims);
  const pixels = Uint8Array.from({ length: batch * cameras * side * side * 3 }, () => 256 * draw());
  const ids = Array.from({ length: batch * text }, () => BigInt(Math.floor(language.vocabulary * draw()))); // prettier-ignore
  return {
    images: new Tensor('uint8', pixels, [batch, cameras, side, side, 3]),
    tokens: new Tensor('int64', BigInt64Array.from(ids), [batch, text]),
    ...(hasStateToken(config) && { state: normal(1, [batch, stateDim]) }),
    noise: normal(2, [batch, horizon, actionDim]),
    integration: integrationTensor({ steps: 3, solver: 'heun' }),
    previous: normal(3, [batch, horizon, actionDim]),
    prefix_weights: new Tensor(
      'float32',
      Float32Array.from({ length: batch * horizon }, (_, i) => Number(i % horizon < 2)),
      [batch, horizon, 1],
    ),
  };
}

/** Roundings of a layer that may add up. */
const ROUNDINGS = 16;

/** Noise whose values are each a rounding away. */
const roundedOnce = ({ data, dims }: Tensor) =>
  new Tensor(
    'float32',
    (data as Float32Array).map((value) => value * (1 + 2 ** -23)),
    dims,
  );

describe('layers of fused operators', () => {
  it('give the chunk and the features of plain ones, whatever the sizes and the join', () =>
    fc.assert(
      fc.asyncProperty(
        configs,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(undefined, 'approximate' as const, 'trained' as const),
        async (config, cameras, joins) => {
          const { previous, prefix_weights, ...plainFeeds } = feedsOf(config, cameras, 4);
          const weights = liveWeights({ shapes: weightShapes(config) });
          const feeds = {
            ...plainFeeds,
            ...(joins && { previous, prefix_weights }),
            ...Object.fromEntries(
              [...weights].map(([name, { data, shape }]) => [name, new Tensor('float32', data, shape)]), // prettier-ignore
            ),
          };
          const chunk = async (fused: boolean, noise = feeds.noise) => {
            const graph = sampleGraph(config, inputWeights, 'bytes', { fused, joins, features: true }); // prettier-ignore
            const { actions, features } = await runGraph(graph, { ...feeds, noise });
            return [actions, features].flatMap(({ data }) => [...(data as Float32Array)]);
          };
          const [fused, plain] = [await chunk(true), await chunk(false)];
          const most = Math.max(...plain.map(Math.abs));
          // Norms over few values make much of rounding: what one rounding of the noise changes is the measure.
          const rounded = await chunk(false, roundedOnce(feeds.noise));
          const conditioned = Math.max(...plain.map((value, i) => Math.abs(value - rounded[i])));
          const allowed = Math.max(1e-5 * Math.max(1, most), ROUNDINGS * conditioned);
          plain.forEach(
            (value, i) =>
            assert.ok(Math.abs(fused[i] - value) <= allowed, `${fused[i]} and ${value}, ${allowed} apart at most`), // prettier-ignore
          );
        },
      ),
      { numRuns: 25 },
    ));
});
