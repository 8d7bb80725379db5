import { learnablePi0 } from '../../src/policy/families/pi0/learnable.ts';
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { flowMatchingGraph } from '../../src/learning/imitation/lossGraph.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { trainableParameters } from '../../src/policy/families/pi0/trainable.ts';
import { runGraph } from '../onnx/run.ts';
import {
  CAMERAS,
  TINY_PI05,
  chunkOf,
  chunks,
  liveWeights,
  prefixFeeds,
  samples,
} from '../policy/pi05.ts';
import { referenceModel } from '../policy/reference.ts';

const numbers = ({ data }: Tensor) => data as Float32Array;

type Values = ReturnType<typeof liveWeights>;

describe('the loss of π0.5', () => {
  const { horizon } = TINY_PI05;
  const DIMS = 3;
  const weights = liveWeights();
  const [actions, noise] = [chunks(30), chunks(31)];
  const time = Float32Array.of(0.8, 0.35);
  /** The last row of the first chunk does not count. */
  const mask = Float32Array.from({ length: 2 * horizon }, (_, i) => Number(i !== horizon - 1));

  /** The loss in float64. */
  function lossOf(values: ReadonlyMap<string, ArrayLike<number>>): number {
    const model = referenceModel(TINY_PI05, (name) => values.get(name)!);
    let sum = 0;
    samples.forEach((sample, i) => {
      const [a, n] = [chunkOf(actions, i), chunkOf(noise, i)];
      const x = Float64Array.from(a, (value, j) => value + time[i] * (n[j] - value));
      const velocity = model.velocity(model.rowsOf(x), time[i], model.prefix(sample), []);
      const targets = model.rowsOf(Float64Array.from(a, (value, j) => n[j] - value));
      velocity.forEach((row, r) => {
        for (let d = 0; d < DIMS; d++)
          sum += (mask[i * horizon + r] * (row[d] - targets[r][d]) ** 2) / DIMS;
      });
    });
    return sum / mask.reduce((a, b) => a + b);
  }

  const OPTIONS = {
    policy: learnablePi0(TINY_PI05),
    observation: 'images',
    cameras: CAMERAS,
    text: TINY_PI05.maxTokens,
    masked: true,
    samples: 1,
    dims: DIMS,
  } as const;

  /** What the graph gives where these parameters learn. */
  function gradientsOf(trainable: Trainable, parameters: Values): Promise<Record<string, Tensor>> {
    return runGraph(flowMatchingGraph({ ...OPTIONS, trainable }), feedsOf(parameters));
  }

  const feedsOf = (parameters: Values) => ({
    ...prefixFeeds(),
    actions,
    noise,
    time: new Tensor('float32', time, [2]),
    mask: new Tensor('float32', mask, [2, horizon]),
    ...Object.fromEntries(
      [...weights, ...parameters].map(([name, { shape, data }]) => [
        name,
        new Tensor('float32', data, shape),
      ]),
    ),
  });

  /** Compares a slope along random ways through some parameters with central differences in float64. */
  function assertSlope(
    result: Record<string, Tensor>,
    parameters: Values,
    lossAt: (moved: ReadonlyMap<string, ArrayLike<number>>) => number,
  ) {
    for (let direction = 0; direction < 2; direction++) {
      const ways = [...parameters].map(([name, { data }], i) => ({
        name,
        data,
        way: gaussianNoise([40, direction, i], data.length),
      }));
      let slope = 0;
      for (const { name, way } of ways) {
        const gradient = numbers(result[`gradient.${name}`]);
        way.forEach((value, i) => (slope += value * gradient[i]));
      }
      const step = 1e-5;
      const at = (by: number) =>
        lossAt(new Map(ways.map(({ name, data, way }) => [name, Float64Array.from(data, (x, i) => x + by * way[i])]))); // prettier-ignore
      const measured = (at(step) - at(-step)) / (2 * step);
      assert.ok(Math.abs(slope - measured) <= 1e-4 * Math.abs(measured), `${slope}, ${measured}`);
    }
  }

  const plain = new Map([...weights].map(([name, { data }]) => [name, data]));
  let result: Record<string, Tensor>;
  before(async () => {
    result = await gradientsOf({ parameters: 'all' }, new Map());
  });

  it('is that of the float64 model', () => {
    const expected = lossOf(plain);
    assert.ok(Math.abs(numbers(result.loss)[0] - expected) <= 1e-5 * expected);
  });

  const groups: Record<string, RegExp> = {
    'all weights': /./,
    'what conditions the norms': /norm\.dense\./,
    'the projections of time and actions': /^(time|action)_/,
    'the expert’s layers': /gemma_expert.*proj/,
    'vision and language': /paligemma\./,
  };
  for (const [group, pattern] of Object.entries(groups))
    it(`has along ${group} the slope that central differences have in float64`, () => {
      const some = new Map([...weights].filter(([name]) => pattern.test(name)));
      assertSlope(result, some, (moved) => lossOf(new Map([...plain, ...moved])));
    });

  it('has that slope along adapters of the expert’s layers, too', async () => {
    const trainable = { parameters: 'lora', rank: 2, alpha: 6 } as const;
    const shapes = trainableParameters(trainable, TINY_PI05).map(
      ({ name, shape }) => [name, shape] as const,
    );
    const factors = liveWeights({ shapes: new Map(shapes), seed: 2 });
    const adapted = (moved: ReadonlyMap<string, ArrayLike<number>>) =>
      [...weights].map(([name, { shape, data }]): [string, ArrayLike<number>] => {
        const factor = (part: string) => moved.get(name.replace(/weight$/, `${part}.weight`));
        const [down, up] = [factor('lora_A'), factor('lora_B')];
        if (!down || !up) return [name, data];
        const change = (i: number) => {
          const [row, column] = [Math.floor(i / shape[1]), i % shape[1]];
          return [0, 1].reduce((sum, r) => sum + up[row * 2 + r] * down[r * shape[1] + column], 0);
        };
        return [name, Float64Array.from(data, (x, i) => x + 3 * change(i))];
      });
    const gradients = await gradientsOf(trainable, factors);
    assertSlope(gradients, factors, (moved) => lossOf(new Map(adapted(moved))));
  });

  it('counts no row that is kept clean, and has the others go on from it', async () => {
    const kept = Float32Array.from({ length: 2 * horizon }, (_, i) => Number(i === 0 || (i >= horizon && i < horizon + 3))); // prettier-ignore
    const graph = flowMatchingGraph({
      ...OPTIONS,
      trainable: { parameters: 'expert' },
      keeps: true,
    });
    const { loss } = await runGraph(graph, {
      ...feedsOf(new Map()),
      kept: new Tensor('float32', kept, [2, horizon]),
    });
    const model = referenceModel(TINY_PI05, (name) => plain.get(name)!);
    let [sum, count] = [0, 0];
    samples.forEach((sample, i) => {
      const [a, n] = [chunkOf(actions, i), chunkOf(noise, i)].map((flat) => model.rowsOf(flat));
      const times = a.map((_, r) => time[i] * (1 - kept[i * horizon + r]));
      const x = a.map((row, r) => row.map((value, d) => value + times[r] * (n[r][d] - value)));
      const velocity = model.velocity(x, times, model.prefix(sample), []);
      a.forEach((row, r) => {
        const counts = mask[i * horizon + r] * (1 - kept[i * horizon + r]);
        count += counts;
        for (let d = 0; d < DIMS; d++)
          sum += (counts * (velocity[r][d] - (n[r][d] - row[d])) ** 2) / DIMS;
      });
    });
    assert.ok(Math.abs(numbers(loss)[0] - sum / count) <= (1e-5 * sum) / count);
  });

  it('has no slope along the last norm’s gate, which nothing passes', () => {
    const { width } = TINY_PI05.expert;
    const name = 'gradient.paligemma_with_expert.gemma_expert.model.norm.dense.weight';
    const gradient = numbers(result[name]);
    assert.ok(gradient.subarray(2 * width ** 2).every((slope) => slope === 0));
    assert.ok(gradient.subarray(0, 2 * width ** 2).some((slope) => slope !== 0));
  });
});
