import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { Graph } from '../../src/onnx/graph.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { concat } from '../../src/onnx/operators.ts';
import { readSafetensorsHeader } from '../../src/tensors/safetensors.ts';
import { openSession } from '../../src/session/session.ts';
import { integrationTensor } from '../../src/policy/integrationTensor.ts';
import { type Pi0Config } from '../../src/policy/families/pi0/config.ts';
import { sampleGraph } from '../../src/policy/families/pi0/graphs.ts';
import { prefixGraph } from '../../src/policy/paligemma/prefixCache.ts';
import { prefixInputs } from '../../src/policy/paligemma/prefixInputs.ts';
import { prefixWeights } from '../../src/policy/joining.ts';
import { embedPrefix } from '../../src/policy/paligemma/prefix.ts';
import { externalWeights } from '../../src/policy/paligemma/weights.ts';
import { denoiseGraph } from './denoiseGraph.ts';
import { GOLDEN, goldenConfig, goldenTensors, largestDifference, stackCameras } from './golden.ts';
import { type WeightSource } from '../../src/policy/paligemma/network.ts';

const CAMERAS = [0, 1, 2];
const integration = integrationTensor({ steps: 10, solver: 'euler' });

describe('π0 agrees with the reference implementation', () => {
  let folder: string;
  let config: Pi0Config;
  let source: WeightSource;
  let inputs: (name: string) => Tensor;
  let expected: (name: string) => Tensor;
  let prefixFeeds: Record<string, Tensor>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-golden-'));
    const weights = join(folder, 'model.safetensors');
    await copyFile(join(GOLDEN, 'model.safetensors'), weights);
    config = await goldenConfig('config.json');
    source = externalWeights(await readSafetensorsHeader(weights), weights, weights);
    inputs = await goldenTensors('inputs.safetensors');
    expected = await goldenTensors('expected.safetensors');
    prefixFeeds = {
      images: stackCameras(CAMERAS.map((i) => inputs(`image.${i}`))),
      camera_mask: stackCameras(CAMERAS.map((i) => inputs(`image_mask.${i}`))),
      tokens: inputs('lang_tokens'),
      token_mask: inputs('lang_masks'),
    };
  });
  after(() => rm(folder, { recursive: true }));

  async function run(graph: Graph, feeds: Record<string, Tensor>) {
    const path = join(folder, `${graph.name}.onnx`);
    await writeModel(graph, path);
    const session: InferenceSession = await openSession(path);
    try {
      return await session.run(feeds);
    } finally {
      await session.release();
    }
  }

  const close = (actual: Tensor, name: string, limit: number, counts?: (i: number) => boolean) => {
    const difference = largestDifference(actual, expected(name), counts);
    assert.ok(difference <= limit, `${name} is off by ${difference}, more than ${limit}`);
  };

  /** Whether an element of a tensor whose last axes are [prefix, width] belongs to a valid token. */
  const valid = (width: number) => {
    const mask = expected('prefix_pad_masks').data as Uint8Array;
    return (i: number) => mask[Math.floor(i / width)] === 1;
  };

  it('in the prefix’s embeddings, to 2e-5', async () => {
    const graph = new Graph('embeddings');
    const prefix = embedPrefix(source(graph), prefixInputs(graph, config, 'floats'), config);
    graph.output('embeddings', prefix.embeddings);
    graph.output('valid', prefix.valid!);
    const result = await run(graph, prefixFeeds);
    close(result.embeddings, 'prefix_embs', 2e-5, valid(config.language.width));
    assert.deepEqual(result.valid.data, expected('prefix_pad_masks').data);
  });

  it('in the keys and values of every layer, to 3e-5 where tokens are valid', async () => {
    const cache = await run(prefixGraph(config, source, 'floats'), prefixFeeds);
    const counts = valid(config.language.headDim);
    for (let layer = 0; layer < config.language.depth; layer++) {
      close(cache[`keys.${layer}`], `prefix_k.${layer}`, 3e-5, counts);
      close(cache[`values.${layer}`], `prefix_v.${layer}`, 3e-5, counts);
    }
  });

  it('in the velocity, to 3e-5', async () => {
    const cache = await run(prefixGraph(config, source, 'floats'), prefixFeeds);
    const feeds = { ...cache, x: expected('x_t'), time: inputs('time'), state: inputs('state') };
    const { velocity } = await run(denoiseGraph(config, source), feeds);
    close(velocity, 'v_t', 3e-5);
  });

  it('in sampled actions, from random and from zero noise, to 2e-5', async () => {
    const noise = inputs('noise');
    const zero = new Tensor('float32', new Float32Array(noise.size), noise.dims);
    const feeds = { ...prefixFeeds, state: inputs('state'), integration };
    const graph = sampleGraph(config, source, 'floats', { masked: true });
    close((await run(graph, { ...feeds, noise })).actions, 'actions_sampled', 2e-5);
    close((await run(graph, { ...feeds, noise: zero })).actions, 'actions_zero_noise', 2e-5);
  });

  // Of other weights than prefixWeights', the reference's own are taken.
  for (const [name, chunk, own] of [
    ['actions_rtc', 'prev_chunk', true],
    ['actions_rtc_exp', 'prev_chunk', false],
    ['actions_rtc_short', 'prev_chunk_short', true],
  ] as const)
    it(`in actions that join a chunk before them, ${name}, to 2e-5`, async () => {
      const { data, dims } = inputs(chunk);
      const [batch, rows, width] = dims;
      const previous = new Float32Array(batch * 12 * 32);
      for (let i = 0; i < batch * rows; i++) {
        const row = (data as Float32Array).subarray(i * width, (i + 1) * width);
        previous.set(row, (Math.floor(i / rows) * 12 + (i % rows)) * 32);
      }
      const reference = name.replace('actions_rtc', 'rtc_weights');
      const weights = own
        ? prefixWeights({ delay: 3, end: Math.min(10, rows), rows: 12 })
        : (expected(reference).data as Float32Array);
      close(new Tensor('float32', weights, [12]), reference, 1e-6);
      const { actions } = await run(
        sampleGraph(config, source, 'floats', { masked: true, joins: 'approximate' }),
        {
          ...prefixFeeds,
          state: inputs('state'),
          noise: inputs('noise'),
          integration,
          previous: new Tensor('float32', previous, [batch, 12, 32]),
          prefix_weights: new Tensor('float32', Float32Array.of(...weights, ...weights), [
            batch,
            12,
            1,
          ]),
        },
      );
      close(actions, name, 2e-5);
    });

  it('when padding is left out instead of masked', async () => {
    const one = (name: string, dims: number[]) => {
      const tensor = prefixFeeds[name];
      const size = dims.reduce((product, dim) => product * dim, 1);
      return new Tensor(tensor.type as 'float32', tensor.data.slice(0, size) as Float32Array, dims);
    };
    const side = config.vision.imageSize;
    const words = 5;
    const feeds = {
      images: one('images', [1, 3, 3, side, side]),
      tokens: one('tokens', [1, words]),
      state: new Tensor('float32', inputs('state').data.slice(0, 32) as Float32Array, [1, 32]),
      noise: new Tensor('float32', inputs('noise').data.slice(0, 384) as Float32Array, [1, 12, 32]),
      integration,
    };
    const { actions } = await run(sampleGraph(config, source, 'floats'), feeds);
    const golden = expected('actions_sampled').data.slice(0, 384) as Float32Array;
    const difference = largestDifference(actions, new Tensor('float32', golden, actions.dims));
    assert.ok(difference <= 2e-5, `off by ${difference}`);
  });

  it('when a missing camera is left out instead of masked', async () => {
    const side = config.vision.imageSize;
    const pixels = 3 * side * side;
    const images = prefixFeeds.images.data as Float32Array;
    const camera = (i: number) => images.subarray((3 + i) * pixels, (4 + i) * pixels);
    const second = (tensor: Tensor, dims: number[]) => {
      const half = tensor.data.slice(tensor.size / 2) as Float32Array;
      return new Tensor(tensor.type as 'float32', half, dims);
    };
    const two = new Float32Array(2 * pixels);
    two.set(camera(0));
    two.set(camera(2), pixels);
    const { actions } = await run(sampleGraph(config, source, 'floats'), {
      images: new Tensor('float32', two, [1, 2, 3, side, side]),
      tokens: second(inputs('lang_tokens'), [1, 8]),
      state: second(inputs('state'), [1, 32]),
      noise: second(inputs('noise'), [1, 12, 32]),
      integration,
    });
    const golden = second(expected('actions_sampled'), [1, 12, 32]);
    const difference = largestDifference(actions, golden);
    assert.ok(difference <= 2e-5, `off by ${difference}`);
  });

  it('with grouped key heads as with one key head repeated', async () => {
    const { headDim } = config.language;
    const grouped = structuredClone(config);
    grouped.language.kvHeads = grouped.expert.kvHeads = 2;
    const doubled: WeightSource = (graph) => {
      const weights = source(graph);
      return (name, shape) =>
        /[kv]_proj\.weight$/.test(name) && shape[0] === 2 * headDim
          ? concat([weights(name, [headDim, shape[1]]), weights(name, [headDim, shape[1]])], 0)
          : weights(name, shape);
    };
    const feeds = { ...prefixFeeds, state: inputs('state'), integration, noise: inputs('noise') };
    const { actions } = await run(sampleGraph(grouped, doubled, 'floats', { masked: true }), feeds);
    close(actions, 'actions_sampled', 2e-5);
  });
});
