import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { threadScaler } from '../../src/images/scaling.ts';
import { gradients } from '../../src/onnx/gradient.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { concat, negate, reduceMean, reshape, slice } from '../../src/onnx/operators.ts';
import { binCentres, binEnds, idsOf, numbersOf } from '../../src/policy/families/openvla/actionTokens.ts'; // prettier-ignore
import { TOWERS, emptyCache, embedPrompt, sampled, seen } from '../../src/policy/families/openvla/graphs.ts'; // prettier-ignore
import { embed, llama, logitsOf } from '../../src/policy/families/openvla/llama.ts';
import { normalisedPatches, towerFeatures } from '../../src/policy/families/openvla/tower.ts';
import { logProbabilities } from '../../src/policy/families/pi0-fast/likelihood.ts';
import type { WeightSource, Weights } from '../../src/policy/paligemma/network.ts';
import { externalWeights, inputWeights } from '../../src/policy/paligemma/weights.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { logSoftmax, runOn, weightFeeds } from './fastNetwork.ts';
import { goldenTensors, largestOf } from './golden.ts';
import { distance } from './goldenFast.ts';
import { GOLDEN_CONFIG, GOLDEN_OPENVLA, goldenJson } from './goldenOpenVla.ts';

const WEIGHTS = join(GOLDEN_OPENVLA, 'model.safetensors');
const { imageSize: SIDE, patch: PATCH, actionDim, language, bins, textVocabulary } = GOLDEN_CONFIG;
const V = language.vocabulary;
const ROWS = [0, 1];
/** Tokens that training predicts: of an action, and the end. */
const TRAINED = 8;

type Lookup = (name: string) => Tensor;
const floats = ({ data }: Tensor) => data as Float32Array;
const ints = ({ data }: Tensor) => Array.from(data as BigInt64Array, Number);
/** One of the equal parts of a tensor along its first axis. */
const row = ({ data, dims: [rows] }: Tensor, i: number) =>
  (data as Float32Array).subarray((i * data.length) / rows, ((i + 1) * data.length) / rows);

const near = (
  actual: ArrayLike<number>,
  golden: ArrayLike<number>,
  limit: number,
  rms: number = limit,
) => {
  const found = distance(actual, golden);
  assert.ok(found.most <= limit, `off by ${found.most}, more than ${limit}`);
  assert.ok(found.rms <= rms, `off by ${found.rms} in the root mean square, more than ${rms}`);
};

/** RGB bytes [1, 1, side, side, 3] of normalised channels [3, side, side]. */
function bytesOf(channels: Float32Array, { mean, std }: (typeof GOLDEN_CONFIG)['towers'][0]) {
  const plane = SIDE * SIDE;
  const bytes = Uint8Array.from({ length: 3 * plane }, (_, i) =>
    Math.round(255 * (channels[(i % 3) * plane + Math.floor(i / 3)] * std[i % 3] + mean[i % 3])),
  );
  return new Tensor('uint8', bytes, [1, 1, SIDE, SIDE, 3]);
}

/** Channels [3, side, side] of patches [1, patches, patch²·3]. */
function unpatched({ data }: Tensor): Float32Array {
  const grid = SIDE / PATCH;
  const channels = new Float32Array(3 * SIDE * SIDE);
  for (let i = 0; i < channels.length; i++) {
    const [channel, y, x] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
    const place = Math.floor(y / PATCH) * grid + Math.floor(x / PATCH);
    const within = ((y % PATCH) * PATCH + (x % PATCH)) * 3 + channel;
    channels[i] = (data as Float32Array)[place * PATCH * PATCH * 3 + within];
  }
  return channels;
}

describe('OpenVLA agrees with its own implementation', () => {
  let inputs: Lookup;
  let expected: Lookup;
  let source: WeightSource;
  let pictures: Tensor[];

  before(async () => {
    inputs = await goldenTensors('inputs.safetensors', GOLDEN_OPENVLA);
    expected = await goldenTensors('expected.safetensors', GOLDEN_OPENVLA);
    source = externalWeights(await readShardedHeader(WEIGHTS), WEIGHTS, WEIGHTS);
    const pixels = expected('pixel_values');
    pictures = ROWS.map((i) => bytesOf(row(pixels, i), GOLDEN_CONFIG.towers[0]));
  });

  const run = (build: (graph: Graph) => void, feeds: Record<string, Tensor>) => {
    const graph = new Graph('test');
    build(graph);
    return runOn(GOLDEN_OPENVLA, graph, feeds);
  };
  const image = (graph: Graph) => graph.input('images', 'uint8', [1, 1, SIDE, SIDE, 3]);
  const promptOf = (i: number) => {
    const ids = inputs(`prompt_ids.${i}`).data as BigInt64Array;
    return new Tensor('int64', ids, [1, ids.length]);
  };

  it('in what is made of raw pictures of any shape, to the last bit', () => {
    const surrounded = { surrounded: [127, 127, 127] } as const;
    for (const [name, i, fit] of [
      ['pixel_values', 0, 'stretched'],
      ['pixel_values', 1, 'stretched'],
      ['pixel_values_letterbox', 0, surrounded],
    ] as const) {
      const { data, dims } = inputs(`raw.${i}`);
      const picture = { pixels: data as Uint8Array, width: dims[1], height: dims[0] };
      const scaled = new Uint8Array(3 * SIDE * SIDE);
      threadScaler().scale(picture, { width: SIDE, height: SIDE, fit }, scaled);
      const golden = bytesOf(row(expected(name), i), GOLDEN_CONFIG.towers[0]);
      assert.deepEqual(scaled, golden.data);
    }
  });

  it('in normalised pixels, to 2e-6', async () => {
    for (const i of ROWS) {
      const found = await run(
        (graph) => {
          const bytes = image(graph);
          GOLDEN_CONFIG.towers.forEach((tower, t) =>
            graph.output(`patches.${t}`, normalisedPatches(bytes, tower, GOLDEN_CONFIG)),
          );
        },
        { images: pictures[i] },
      );
      const both = [0, 1].flatMap((t) => [...unpatched(found[`patches.${t}`])]);
      near(both, row(expected('pixel_values'), i), 2e-6);
    }
  });

  it('behind every block of both towers, to 5e-5, 3e-6 in the root mean square', async () => {
    const names = ['dino', 'siglip'];
    const found = await run(
      (graph) => {
        const bytes = image(graph);
        names.forEach((name, t) => {
          const before = graph.nodes.length;
          const tower = GOLDEN_CONFIG.towers[t];
          const features = towerFeatures(source(graph), TOWERS[t], bytes, tower, GOLDEN_CONFIG);
          const normed = graph.nodes
            .slice(before)
            .filter(({ op }) => op === 'LayerNormalization')
            .map((node) => node.inputs[0]!);
          // Two norms in a block: what it takes comes before the first.
          for (let block = 0; block < tower.depth; block++)
            graph.output(block === 0 ? `${name}.embed` : `${name}.block.${block - 1}`, normed[2 * block]); // prettier-ignore
          graph.output(`${name}.features`, features);
        });
      },
      { images: pictures[0] },
    );
    for (const [name, tensor] of Object.entries(found)) {
      if (!name.endsWith('.features')) near(floats(tensor), floats(expected(`row0.${name}`)), 5e-5, 3e-6); // prettier-ignore
    }
  });

  it('in the features of both images, and what the projector makes of them', async () => {
    for (const i of ROWS) {
      const { features, tokens } = await run(
        (graph) => {
          const both = seen(source(graph), image(graph), GOLDEN_CONFIG);
          graph.output('features', both.features);
          graph.output('tokens', both.image);
        },
        { images: pictures[i] },
      );
      near(floats(features), row(expected('vision_features'), i), 5e-5, 3e-6);
      near(floats(tokens), row(expected('projector'), i), 3e-5, 3e-6);
    }
  });

  /** What the layers of a prompt take and give: the first operation of each RMS norm. */
  const hiddenStates = (graph: Graph, build: () => Value): Value[] => {
    const before = graph.nodes.length;
    const last = build();
    const normed = graph.nodes.slice(before).filter(({ op }) => op === 'Pow').map((node) => node.inputs[0]!); // prettier-ignore
    return [...Array.from({ length: language.depth }, (_, i) => normed[2 * i + 2]), last];
  };

  it('in hidden states, keys and values of prompts, to 5e-5 and 1e-5', async () => {
    for (const i of ROWS) {
      const found = await run(
        (graph) => {
          const weights = source(graph);
          const picture = seen(weights, image(graph), GOLDEN_CONFIG).image;
          const text = graph.input('tokens', 'int64', [1, 'text+1']);
          const prompt = embedPrompt(weights, picture, text, GOLDEN_CONFIG);
          const states = hiddenStates(graph, () => {
            const read = llama(weights, prompt, emptyCache(graph, GOLDEN_CONFIG), language);
            read.layers.forEach(({ keys, values }, layer) => {
              graph.output(`k.${layer}`, keys);
              graph.output(`v.${layer}`, values);
            });
            return read.hidden;
          });
          states.forEach((state, layer) => graph.output(layer === language.depth ? 'norm' : `hidden.${layer}`, state)); // prettier-ignore
        },
        { images: pictures[i], tokens: promptOf(i) },
      );
      for (const [name, tensor] of Object.entries(found))
        near(floats(tensor), floats(expected(`gen.${i}.prefill.${name}`)), /^[kv]/.test(name) ? 1e-5 : 5e-5); // prettier-ignore
    }
  });

  it('in the tokens of an action, exactly, and their logits, to 2e-5', async () => {
    for (const i of ROWS) {
      const noise = new Tensor('float32', new Float32Array(actionDim * V), [actionDim, V]);
      const { written, logits } = await run(
        (graph) => {
          const action = sampled(graph, source, GOLDEN_CONFIG);
          graph.output('written', action.tokens);
          graph.output('logits', action.logits);
        },
        { images: pictures[i], tokens: promptOf(i), noise },
      );
      const tokens = ints(expected('gen.tokens')).slice(actionDim * i, actionDim * (i + 1));
      assert.deepEqual(ints(written), tokens);
      near(floats(logits), row(expected('gen.logits'), i), 2e-5, 2e-6);
      near(numbersOf(ints(written), GOLDEN_CONFIG), row(expected('gen.actions_normalized'), i), 1e-9); // prettier-ignore
    }
  });

  /** Logits [8, vocabulary] of what follows the last tokens of a sequence, one row of the batch, by weights of any source. */
  const readSequence = (graph: Graph, weights: Weights, i: number, count: number) => {
    const bytes = graph.input(`images.${i}`, 'uint8', [1, 1, SIDE, SIDE, 3]);
    const tokens = graph.input(`tokens.${i}`, 'int64', [1, count]);
    const [begin, rest] = [slice(tokens, 1, 0, 1), slice(tokens, 1, 1, count)].map((part) => embed(weights, part, language)); // prettier-ignore
    const sequence = concat([begin, seen(weights, bytes, GOLDEN_CONFIG).image, rest], 1);
    const { hidden } = llama(weights, sequence, emptyCache(graph, GOLDEN_CONFIG), language);
    const all = 16 + count;
    const logits = logitsOf(weights, slice(hidden, 0, all - TRAINED - 1, all - 1), language);
    return { logits, targets: reshape(slice(tokens, 1, count - TRAINED, count), [TRAINED]) };
  };

  it('in the loss of given actions, to 5e-8, and its gradients, to 3e-5 of the largest', async () => {
    const { grad_keys: keys } = await goldenJson();
    const graph = new Graph('training');
    const weights = inputWeights(graph);
    const mask = inputs('train.attention_mask');
    const count = mask.dims[1];
    const sequences = ROWS.map((i) => {
      const real = (row(mask, i) as unknown as Uint8Array).reduce((sum, one) => sum + one, 0);
      const ids = (inputs('train.input_ids').data as BigInt64Array).slice(i * count, i * count + real); // prettier-ignore
      return new Tensor('int64', ids, [1, real]);
    });
    const read = sequences.map(({ size }, i) => readSequence(graph, weights, i, size));
    const logits = concat(read.map((one) => one.logits), 0); // prettier-ignore
    const logp = logProbabilities(logits, concat(read.map((one) => one.targets), 0)); // prettier-ignore
    const loss = negate(reduceMean(logp, [0, 1], false));
    for (const [name, value] of Object.entries({ logits, logp, loss })) graph.output(name, value);
    gradients(loss, keys.map((key) => graph.inputs.find(({ name }) => name === key)!)) // prettier-ignore
      .forEach((gradient, i) => graph.output(`gradient.${i}`, gradient));
    const isWeight = (name: string) => name.includes('.') && !/^(images|tokens)/.test(name);
    const found = await runOn(GOLDEN_OPENVLA, graph, {
      ...Object.fromEntries(ROWS.flatMap((i) => [[`images.${i}`, pictures[i]], [`tokens.${i}`, sequences[i]]])), // prettier-ignore
      ...(await weightFeeds(graph, WEIGHTS, isWeight)),
    });
    near(floats(found.logits), floats(expected('train.logits')), 2e-5, 2e-6);
    near(floats(found.logp), floats(expected('train.logp')), 2e-5);
    near(floats(found.loss), floats(expected('loss')), 1e-6);
    keys.forEach((key, i) => {
      const golden = floats(expected(`grad.${key}`));
      near(floats(found[`gradient.${i}`]), golden, 3e-5 * largestOf(golden));
    });
  });

  it('in the likelihood of given tokens among all, and among those of actions', async () => {
    const given = ints(inputs('ppo.tokens'));
    for (const i of ROWS) {
      const tokens = given.slice(actionDim * i, actionDim * (i + 1));
      // As many tokens are read as in training, the first of which is the prompt's last.
      const ids = BigInt64Array.from([...ints(inputs(`prompt_ids.${i}`)), ...tokens].map(BigInt));
      const { logits } = await run(
        (graph) => graph.output('logits', readSequence(graph, source(graph), i, ids.length).logits),
        { [`images.${i}`]: pictures[i], [`tokens.${i}`]: new Tensor('int64', ids, [1, ids.length]) }, // prettier-ignore
      );
      const rows = Array.from({ length: actionDim }, (_, step) => floats(logits).subarray((step + 1) * V, (step + 2) * V)); // prettier-ignore
      const first = textVocabulary - bins;
      const compare = (name: string, from: number, temperature: number, limit: number) => {
        const logp = rows.map((all) => logSoftmax(all.subarray(from, from === 0 ? V : from + bins), from === 0 ? V : bins, temperature)[0]); // prettier-ignore
        const golden = row(expected(`ppo.${name}`), i);
        const found = name.startsWith('entropy')
          ? logp.map((one) => -one.reduce((sum, value) => sum + Math.exp(value) * value, 0))
          : logp.map((one, step) => one[tokens[step] - from]);
        near(found, golden, limit);
      };
      compare('logp', 0, 1, 1e-5);
      compare('entropy', 0, 1, 1e-5);
      compare('logp_256', first, 1, 1e-5);
      compare('entropy_256', first, 1, 5e-6);
      compare('logp_256_t16', first, 1.6, 5e-6);
    }
  });

  it('in bins, and in ids of actions and back', () => {
    near(binEnds({ bins }), floats(expected('bins')), 1e-9);
    near(binCentres({ bins }), floats(expected('bin_centers')), 1e-9);
    for (const [name, ids] of [
      ['actions', 'action_ids'],
      ['actions_f32', 'action_ids_f32'],
      ['edge_actions', 'edge_ids'],
    ])
      assert.deepEqual(idsOf(floats(inputs(name)), GOLDEN_CONFIG), ints(expected(ids)));
    near(numbersOf(ints(expected('action_ids')), GOLDEN_CONFIG), floats(expected('action_ids_decoded')), 1e-9); // prettier-ignore
    const all = Array.from({ length: V }, (_, id) => id);
    near(numbersOf(all, GOLDEN_CONFIG), floats(expected('decode_all_ids')), 1e-9);
    assert.equal(textVocabulary - bins, 192);
  });
});
