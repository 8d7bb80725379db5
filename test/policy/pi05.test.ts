import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import fc from 'fast-check';
import { Graph } from '../../src/onnx/graph.ts';
import { expand, reshape } from '../../src/onnx/operators.ts';
import { integrationTensor } from '../../src/policy/integrationTensor.ts';
import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import { denoise, projectTimes } from '../../src/policy/families/pi0/expert.ts';
import { sampleGraph } from '../../src/policy/families/pi0/graphs.ts';
import { cacheInputs, prefixGraph } from '../../src/policy/paligemma/prefixCache.ts';
import { promptTexts } from '../../src/policy/families/pi0/prompt.ts';
import { stateBin } from '../../src/policy/paligemma/prompt.ts';
import { inputWeights } from '../../src/policy/paligemma/weights.ts';
import { weightShapes } from '../../src/policy/families/pi0/weights.ts';
import { runGraph } from '../onnx/run.ts';
import { goldenConfig, goldenTensors } from './golden.ts';
import { TINY_PI05, chunkOf, chunks, liveWeights, prefixFeeds, samples } from './pi05.ts';
import { type Sample, referenceModel } from './reference.ts';
import { denoiseGraph } from './denoiseGraph.ts';

const STEPS = 10;
const numbers = ({ data }: Tensor) => data as Float32Array;

function assertClose(actual: ArrayLike<number>, expected: readonly number[], limit: number) {
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - actual[i])), 0);
  assert.ok(largest <= limit, `off by ${largest}, more than ${limit}`);
}

type Cache = ReturnType<ReturnType<typeof referenceModel>['prefix']>;

/** Compares keys or values of one layer and sample, [kvHeads, prefix, headDim], where tokens count. */
function assertSameCache(
  actual: ArrayLike<number>,
  { layers, valid }: Cache,
  layer: number,
  part: 'keys' | 'values',
  { kvHeads, headDim }: Pi0Config['language'],
  limit: number,
) {
  for (let head = 0; head < kvHeads; head++)
    layers[layer][part].forEach((row, token) => {
      if (!valid[token]) return;
      const at = (head * valid.length + token) * headDim;
      const own = Array.from({ length: headDim }, (_, i) => actual[at + i]);
      assertClose(own, row.slice(head * headDim, (head + 1) * headDim), limit);
    });
}

describe('the float64 model from the formulas agrees with the golden π0', () => {
  let model: ReturnType<typeof referenceModel>;
  let config: Pi0Config;
  let inputs: (name: string) => Tensor;
  let expected: (name: string) => Tensor;
  let golden: Sample[];
  let caches: Cache[];
  const part = (tensor: Tensor, sample: number) =>
    (tensor.data as Float32Array).subarray(
      (sample * tensor.size) / 2,
      ((sample + 1) * tensor.size) / 2,
    );
  before(async () => {
    config = await goldenConfig('config.json');
    inputs = await goldenTensors('inputs.safetensors');
    expected = await goldenTensors('expected.safetensors');
    const weights = await goldenTensors('model.safetensors');
    model = referenceModel(config, (name) => numbers(weights(`model.${name}`)));
    golden = [0, 1].map((i) => ({
      images: [0, 1, 2].map((camera) => ({
        pixels: part(inputs(`image.${camera}`), i),
        present: inputs(`image_mask.${camera}`).data[i] === 1,
      })),
      text: {
        ids: Array.from(part(inputs('lang_tokens'), i), Number),
        valid: Array.from(part(inputs('lang_masks'), i), (counts) => counts === 1),
      },
      state: part(inputs('state'), i),
    }));
    caches = golden.map((sample) => model.prefix(sample));
  });

  it('in embeddings, keys and values', () => {
    caches.forEach((cache, i) => {
      const { width } = config.language;
      cache.embeddings.forEach((row, token) => {
        if (!cache.valid[token]) return;
        const all = part(expected('prefix_embs'), i);
        assertClose(all.subarray(token * width, (token + 1) * width), row, 2e-5);
      });
      for (let layer = 0; layer < config.language.depth; layer++)
        for (const [name, kind] of [['k', 'keys'], ['v', 'values']] as const) // prettier-ignore
          assertSameCache(part(expected(`prefix_${name}.${layer}`), i), cache, layer, kind, config.language, 3e-5); // prettier-ignore
    });
  });

  it('in velocity and chunk', () => {
    caches.forEach((cache, i) => {
      const x = model.rowsOf(part(expected('x_t'), i));
      const velocity = model.velocity(x, numbers(inputs('time'))[i], cache, golden[i].state);
      assertClose(part(expected('v_t'), i), velocity.flat(), 3e-5);
      const chunk = model.chunk(golden[i], part(inputs('noise'), i), STEPS);
      assertClose(part(expected('actions_sampled'), i), chunk.flat(), 2e-5);
    });
  });
});

describe('π0.5 agrees with the float64 model', () => {
  const weights = liveWeights();
  const model = referenceModel(TINY_PI05, (name) => weights.get(name)!.data);
  const caches = samples.map((sample) => model.prefix(sample));
  const time = new Tensor('float32', Float32Array.of(0.93, 0.21), [2]);
  const run = (graph: Graph, feeds: Record<string, Tensor>) => {
    const all = { ...feeds };
    for (const [name, { shape, data }] of weights) all[name] = new Tensor('float32', data, shape);
    return runGraph(graph, all);
  };
  const prefixCache = () => run(prefixGraph(TINY_PI05, inputWeights, 'bytes'), prefixFeeds());

  it('in the keys and values of every layer, to 2e-5', async () => {
    const cache = await prefixCache();
    const { language } = TINY_PI05;
    for (let layer = 0; layer < language.depth; layer++)
      for (const part of ['keys', 'values'] as const)
        samples.forEach((_, i) => {
          const own = chunkOf(cache[`${part}.${layer}`], i);
          assertSameCache(own, caches[i], layer, part, language, 2e-5);
        });
  });

  it('in the velocity, with a time of its own for each sample, to 2e-5', async () => {
    const x = chunks(20);
    const graph = denoiseGraph(TINY_PI05, inputWeights);
    const { velocity } = await run(graph, { ...(await prefixCache()), x, time });
    samples.forEach(({ state }, i) => {
      const rows = model.rowsOf(chunkOf(x, i));
      const expected = model.velocity(rows, numbers(time)[i], caches[i], state);
      assertClose(chunkOf(velocity, i), expected.flat(), 2e-5);
    });
  });

  it('in the velocity, with a time for each token', async () => {
    const { horizon, actionDim } = TINY_PI05;
    const graph = new Graph('times of tokens');
    const of = inputWeights(graph);
    const x = graph.input('x', 'float32', ['batch', horizon, actionDim]);
    const at = graph.input('time', 'float32', ['batch']);
    const projected = projectTimes(of, at, TINY_PI05);
    const perToken = reshape(expand(projected, [1, horizon, 1]), ['batch', horizon, projected.shape[2]]); // prettier-ignore
    const cache = cacheInputs(graph, TINY_PI05);
    graph.output('velocity', denoise(of, x, perToken, cache, TINY_PI05));
    const feeds = { ...(await prefixCache()), x: chunks(20), time };
    const { velocity } = await run(graph, feeds);
    const shared = await run(denoiseGraph(TINY_PI05, inputWeights), feeds);
    assertClose(numbers(velocity), [...numbers(shared.velocity)], 1e-6);
  });

  it('in sampled chunks, to 2e-5', async () => {
    const noise = chunks(21);
    const integration = integrationTensor({ steps: STEPS, solver: 'euler' });
    const graph = sampleGraph(TINY_PI05, inputWeights, 'bytes', { masked: true });
    const { actions } = await run(graph, { ...prefixFeeds(), noise, integration });
    samples.forEach((sample, i) => {
      const expected = model.chunk(sample, chunkOf(noise, i), STEPS).flat();
      assertClose(chunkOf(actions, i), expected, 2e-5);
      const moved = expected.map((x, j) => Math.abs(x - chunkOf(noise, i)[j]));
      assert.ok(Math.max(...moved) > 0.1, 'the chunk is more than its noise');
    });
  });
});

describe('the weights of π0.5', () => {
  const shapes = weightShapes(TINY_PI05);
  const { width, depth } = TINY_PI05.expert;

  it('are those of π0, without a state’s projection and with norms that depend on the time', () => {
    const norms = [
      ...Array.from({ length: depth }, (_, layer) => `layers.${layer}`).flatMap((layer) => [
        `${layer}.input_layernorm`,
        `${layer}.post_attention_layernorm`,
      ]),
      'norm',
    ].map((norm) => `paligemma_with_expert.gemma_expert.model.${norm}`);
    const own: Record<string, number[]> = {
      'time_mlp_in.weight': [width, width],
      'time_mlp_in.bias': [width],
      'time_mlp_out.weight': [width, width],
      'time_mlp_out.bias': [width],
    };
    for (const norm of norms) {
      own[`${norm}.dense.weight`] = [3 * width, width];
      own[`${norm}.dense.bias`] = [3 * width];
    }
    const pi0 = weightShapes({ ...TINY_PI05, variant: 'pi0' });
    const replaced = (name: string) =>
      norms.some((norm) => name === `${norm}.weight`) || /^(state_proj|action_time_mlp)/.test(name);
    const kept = [...pi0].filter(([name]) => !replaced(name));
    assert.deepEqual(shapes, new Map<string, unknown>([...kept, ...Object.entries(own)]));
  });

  it('are all that its graphs ask for: no graph has an input for the state', () => {
    const graphs = [
      sampleGraph(TINY_PI05, inputWeights, 'bytes'),
      denoiseGraph(TINY_PI05, inputWeights),
    ];
    for (const { inputs } of graphs) assert.ok(inputs.every(({ name }) => name !== 'state'));
  });
});

describe('the prompt of π0.5', () => {
  it('holds the task in one line and the bins of the state', () => {
    assert.deepEqual(promptTexts({ variant: 'pi05' }, ' pick_up\nit ', [-1, 0, 0.9999, 0.5]), [
      'Task: pick up it, State: 0 128 255 192;\nAction: ',
    ]);
  });

  it('cuts −1…1 into 256 bins, each with its lower edge', () => {
    assert.equal(stateBin(-1), 0);
    for (let bin = 0; bin < 256; bin++) {
      const edge = -1 + bin / 128;
      assert.equal(stateBin(edge), bin);
      assert.equal(stateBin(edge + 1 / 129), bin);
    }
    assert.equal(stateBin(-1e-30), 127);
  });

  it('counts the edges that lie at or below a number, less one, as openpi does', () => {
    const edges = Array.from({ length: 256 }, (_, i) => -1 + i / 128);
    fc.assert(
      fc.property(fc.double({ min: -3, max: 3, noNaN: true }), (value) => {
        assert.equal(stateBin(value), edges.filter((edge) => edge <= value).length - 1);
      }),
    );
    assert.deepEqual([stateBin(1), stateBin(7), stateBin(-1.01)], [255, 255, -1]);
  });

  it('leaves π0’s as it is', () => {
    assert.deepEqual(promptTexts({ variant: 'pi0' }, ' pick_up it\n', [0.5]), ['pick up it', '\n']);
  });
});
