import { learnablePi0 } from '../../src/policy/families/pi0/learnable.ts';
import assert from 'node:assert/strict';
import { randomWeights } from '../../src/policy/families/pi0/randomWeights.ts';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { createBatches } from '../../src/learning/train/batches.ts';
import { flowTime } from '../../src/learning/imitation/flowMatching.ts';
import { flowMatchingGraph } from '../../src/learning/imitation/lossGraph.ts';
import {} from '../../src/policy/bundle/bundle.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { trainableParameters } from '../../src/policy/families/pi0/trainable.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { runGraph } from '../onnx/run.ts';
import { goldenConfig, goldenTensors, largestDifference, largestOf } from '../policy/golden.ts';
import { type Lookup, goldenCache } from './goldenCache.ts';
import { tinyBundle, tinyDemonstrations } from './tiny.ts';

const BATCH = 2;
const DIMS = 14;
const RANK = 4;
const ALPHA = 8;
const LORA: Trainable = { parameters: 'lora', rank: RANK, alpha: ALPHA, layers: [0, 2] };

type Feeds = Record<string, Tensor>;

const ones = (shape: number[]) =>
  new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);

const numbers = ({ data }: Tensor) => data as Float32Array;

/** The loss's graph of the expert on the golden observations, run on the golden weights. */
async function goldenStep(
  config: Pi0Config,
  trainable: Trainable,
  cache: Feeds,
  inputs: Lookup,
  weightOf: (name: string) => Tensor,
) {
  const graph = flowMatchingGraph({
    policy: learnablePi0(config),
    trainable,
    observation: 'cache',
    cameras: 3,
    text: config.maxTokens,
    masked: true,
    samples: 1,
    dims: DIMS,
  });
  const sample = { ...cache, mask: ones([BATCH, config.horizon]) };
  const given = ['state', 'actions', 'noise', 'time'].map((name) => [name, inputs(name)] as const);
  const feeds: Feeds = { ...sample, ...Object.fromEntries(given) };
  for (const { name } of graph.inputs) feeds[name] ??= weightOf(name);
  return runGraph(graph, feeds);
}

describe('the flow-matching graph on the reference numbers', () => {
  let config: Pi0Config;
  let inputs: Lookup;
  let expected: Lookup;
  let model: Lookup;
  let cache: Feeds;
  before(async () => {
    config = await goldenConfig('config.json');
    inputs = await goldenTensors('inputs.safetensors');
    expected = await goldenTensors('expected.safetensors');
    model = await goldenTensors('model.safetensors');
    cache = await goldenCache(config, inputs);
  });
  const weightOf = (name: string) => model(`model.${name}`);

  it('gives its loss, for each sample and on average', async () => {
    const result = await goldenStep(config, { parameters: 'expert' }, cache, inputs, weightOf);
    const mean = numbers(expected('cfm_loss_mean'))[0];
    assert.ok(Math.abs(numbers(result.loss)[0] - mean) <= 5e-6);
    const errors = numbers(expected('cfm_loss'));
    const { horizon, actionDim } = config;
    for (let sample = 0; sample < BATCH; sample++) {
      let sum = 0;
      for (let row = 0; row < horizon; row++)
        for (let dim = 0; dim < DIMS; dim++)
          sum += errors[(sample * horizon + row) * actionDim + dim] / DIMS;
      assert.ok(Math.abs(numbers(result.losses)[sample] - sum) <= 1e-5 * sum);
    }
  });

  it('gives the gradients by every weight of the expert and the projections', async () => {
    const result = await goldenStep(config, { parameters: 'expert' }, cache, inputs, weightOf);
    const parameters = trainableParameters({ parameters: 'expert' }, config);
    assert.ok(parameters.length > 30);
    for (const { name } of parameters) {
      const reference = expected(`grad.model.${name}`);
      const largest = largestOf(numbers(reference));
      const difference = largestDifference(result[`gradient.${name}`], reference);
      assert.ok(difference <= 3e-5 * largest, `${name}: off by ${difference} of ${largest}`);
    }
  });

  it('gives adapters the gradient that the chain rule makes of their weight', async () => {
    const shapes = new Map(
      trainableParameters(LORA, config).map(({ name, shape }) => [name, shape]),
    );
    const factor = (name: string, shape: number[]) => {
      const count = shape.reduce((a, b) => a * b);
      const isUp = name.includes('lora_B');
      return new Tensor('float32', isUp ? new Float32Array(count) : gaussianNoise(3, count), shape);
    };
    const result = await goldenStep(config, LORA, cache, inputs, (name) => {
      const shape = shapes.get(name);
      return shape ? factor(name, shape) : weightOf(name);
    });
    // With B = 0 the weight is the reference's, so dB = alpha / rank · dW · Aᵀ and dA = 0.
    for (const [name, shape] of shapes) {
      const gradient = numbers(result[`gradient.${name}`]);
      if (name.includes('lora_A')) {
        assert.ok(gradient.every((value) => value === 0));
        continue;
      }
      const weight = expected(`grad.model.${name.replace('.lora_B', '')}`);
      const [rows, columns] = weight.dims;
      const down = numbers(factor('lora_A', [RANK, columns]));
      const products = Float64Array.from({ length: rows * RANK }, (_, i) => {
        const [row, r] = [Math.floor(i / RANK), i % RANK];
        let sum = 0;
        for (let c = 0; c < columns; c++)
          sum += numbers(weight)[row * columns + c] * down[r * columns + c];
        return (ALPHA / RANK) * sum;
      });
      const largest = largestOf(products);
      assert.deepEqual(shape, [rows, RANK]);
      gradient.forEach((value, i) => assert.ok(Math.abs(value - products[i]) <= 5e-5 * largest));
    }
  });
});

describe('the flow-matching graph of the whole network', () => {
  const config = tinyBundle.architecture;
  const tokenize = (prompt: string) => ({ tokens: new BigInt64Array(prompt.length).fill(9n) });
  const graphOf = (samples: number) =>
    flowMatchingGraph({
      policy: learnablePi0(config),
      trainable: { parameters: 'all' },
      observation: 'images',
      cameras: 2,
      text: 4,
      masked: true,
      samples,
      dims: 3,
    });
  const batchOf = (samples: number): Feeds =>
    createBatches(tinyDemonstrations(4), 2, {
      policy: learnablePi0(config),
      transforms: makeTransforms([], config),
      tokenize,
      batch: 3,
      samples,
      seed: 1,
    }).of(0);
  const weights = randomWeights(config, 5).map(({ name, shape, data }) => ({
    name,
    shape,
    data: data as Float32Array,
  }));
  const feedsOf = (change: (i: number) => Float32Array): Feeds =>
    Object.fromEntries(
      weights.map(({ name, shape, data }, i) => {
        const moved = change(i);
        return [
          name,
          new Tensor(
            'float32',
            data.map((value, j) => value + moved[j]),
            shape,
          ),
        ];
      }),
    );
  const unmoved = feedsOf((i) => new Float32Array(weights[i].data.length));

  it('has the slope, along random directions of all weights, that central differences have', async () => {
    const graph = graphOf(2);
    const batch = batchOf(2);
    const result = await runGraph(graph, { ...batch, ...unmoved });
    for (let direction = 0; direction < 3; direction++) {
      const along = weights.map(({ data }, i) => gaussianNoise([direction, i], data.length));
      const slope = weights.reduce((sum, { name }, i) => {
        const gradient = numbers(result[`gradient.${name}`]);
        return sum + gradient.reduce((part, value, j) => part + value * along[i][j], 0);
      }, 0);
      const step = 5e-5;
      const losses = [];
      for (const sign of [1, -1]) {
        const feeds = feedsOf((i) => along[i].map((value) => sign * step * value));
        losses.push(numbers((await runGraph(graph, { ...batch, ...feeds })).loss)[0]);
      }
      const measured = (losses[0] - losses[1]) / (2 * step);
      assert.ok(
        Math.abs(slope - measured) <= 0.01 * Math.abs(measured) + 2e-3,
        `${slope}, ${measured}`,
      );
    }
  });

  it('counts each flow sample of an observation like one of its own', async () => {
    const together = await runGraph(graphOf(2), { ...batchOf(2), ...unmoved });
    const { noise, time, ...observations } = batchOf(2);
    const size = config.horizon * config.actionDim;
    for (const k of [0, 1]) {
      const rows = [0, 1, 2].map((i) => 2 * i + k);
      const part = (tensor: Tensor, width: number, dims: number[]) =>
        new Tensor(
          'float32',
          Float32Array.from(
            rows.flatMap((row) => [...numbers(tensor).subarray(row * width, (row + 1) * width)]),
          ),
          dims,
        );
      const alone = await runGraph(graphOf(1), {
        ...observations,
        ...unmoved,
        noise: part(noise, size, [3, config.horizon, config.actionDim]),
        time: part(time, 1, [3]),
      });
      rows.forEach((row, i) => {
        const [a, b] = [numbers(together.losses)[row], numbers(alone.losses)[i]];
        assert.ok(Math.abs(a - b) <= 1e-5 * Math.abs(b));
      });
    }
  });

  it('sums over the steps that the mask counts, and divides by their number', async () => {
    const batch = batchOf(1);
    const run = async (counts: (row: number) => boolean) => {
      const data = numbers(batch.mask).map((_, i) => Number(counts(i % config.horizon)));
      const mask = new Tensor('float32', data, batch.mask.dims);
      return runGraph(graphOf(1), { ...batch, ...unmoved, mask });
    };
    const [first, last, all] = await Promise.all([
      run((row) => row < 3),
      run((row) => row >= 3),
      run(() => true),
    ]);
    numbers(all.losses).forEach((loss, i) => {
      const sum = numbers(first.losses)[i] + numbers(last.losses)[i];
      assert.ok(Math.abs(loss - sum) <= 1e-5 * loss);
    });
    const total = numbers(first.losses).reduce((a, b) => a + b);
    assert.ok(Math.abs(numbers(first.loss)[0] - total / 9) <= 1e-5 * total);
  });
});

describe('flow time', () => {
  it('is drawn from Beta(1.5, 1), most of it near noise', () => {
    assert.equal(flowTime(0), 0.001);
    assert.equal(flowTime(1), 1);
    const times = Array.from({ length: 10_000 }, (_, i) => flowTime((i + 0.5) / 10_000));
    const mean = times.reduce((a, b) => a + b) / times.length;
    assert.ok(Math.abs(mean - (0.6 * 0.999 + 0.001)) < 1e-4);
  });
});
