import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { gradients } from '../../src/onnx/gradient.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { reshape } from '../../src/onnx/operators.ts';
import { codesIn } from '../../src/policy/families/pi0-fast/actionTokens.ts';
import { fastCodec } from '../../src/policy/families/pi0-fast/fast/codec.ts';
import { allowedIds } from '../../src/policy/families/pi0-fast/actionTokens.ts';
import { sampleGraph } from '../../src/policy/families/pi0-fast/graphs.ts';
import { promptText } from '../../src/policy/families/pi0-fast/layout.ts';
import { tokenLoss } from '../../src/policy/families/pi0-fast/taught.ts';
import { likelihood, writtenFeeds } from '../../src/policy/families/pi0-fast/writer.ts';
import type { WeightSource } from '../../src/policy/paligemma/network.ts';
import { prefixGraph } from '../../src/policy/paligemma/prefixCache.ts';
import { prefixInputs } from '../../src/policy/paligemma/prefixInputs.ts';
import { stateBin } from '../../src/policy/paligemma/prompt.ts';
import { loadPromptTokenizer } from '../../src/policy/paligemma/tokenizer.ts';
import { imageTokens } from '../../src/policy/paligemma/vision.ts';
import { externalWeights, loadWeights } from '../../src/policy/paligemma/weights.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { readActions, readPrompt, logSoftmax, runOn, weightFeeds } from './fastNetwork.ts';
import { goldenTensors, largestOf, stackCameras } from './golden.ts';
import { GOLDEN_CONFIG, GOLDEN_FAST, GOLDEN_MARKS, distance, goldenCases, goldenFastJson, goldenPairs, sampleOf } from './goldenFast.ts'; // prettier-ignore

const CAMERAS = [0, 1, 2];
const WEIGHTS = join(GOLDEN_FAST, 'model.safetensors');
const { language, maxActionTokens } = GOLDEN_CONFIG;
const V = language.vocabulary;
/** Tokens that were generated, and tokens that are there before: of images, prompt, and the begin token. */
const GENERATED = 17;
const PREFIX = 27 + 48;

type Lookup = (name: string) => Tensor;
const numbers = ({ data }: Tensor) => data as Float32Array;
const ids = (values: readonly bigint[], dims: number[]) =>
  new Tensor('int64', BigInt64Array.from(values), dims);
const ones = (dims: number[]) =>
  new Tensor('bool', new Uint8Array(dims.reduce((a, b) => a * b)).fill(1), dims);

/** Rows [samples, from...to, width] of a tensor [samples, count, width], one behind the other. */
function rowsOf({ data, dims }: Tensor, from: number, to: number): Float32Array {
  const [samples, count, width] = dims;
  return Float32Array.from(
    Array.from(
      { length: samples },
      (_, i) =>
      Array.from((data as Float32Array).subarray((i * count + from) * width, (i * count + to) * width)), // prettier-ignore
    ).flat(),
  );
}

describe('π0-FAST agrees with lerobot’s implementation', () => {
  let inputs: Lookup;
  let expected: Lookup;
  let source: WeightSource;
  let images: Record<string, Tensor>;

  before(async () => {
    inputs = await goldenTensors('inputs.safetensors', GOLDEN_FAST);
    expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
    source = externalWeights(await readShardedHeader(WEIGHTS), WEIGHTS, WEIGHTS);
    images = {
      images: stackCameras(CAMERAS.map((i) => expected(`image.${i}`))),
      camera_mask: stackCameras(CAMERAS.map((i) => expected(`image_mask.${i}`))),
    };
  });

  const run = (graph: Graph, feeds: Record<string, Tensor>) => runOn(GOLDEN_FAST, graph, feeds);
  const near = (
    actual: ArrayLike<number>,
    golden: ArrayLike<number>,
    limit: number,
    { rms = limit, counts }: { rms?: number; counts?: (i: number) => boolean } = {},
  ) => {
    const found = distance(actual, golden, counts);
    assert.ok(found.most <= limit, `off by ${found.most}, more than ${limit}`);
    assert.ok(found.rms <= rms, `off by ${found.rms} in the root mean square, more than ${rms}`);
  };

  /** The prompt alone, as training reads it, and with the begin token behind it, as sampling does. */
  const trainingPrompt = () => ({
    ...images,
    tokens: expected('lang_tokens'),
    token_mask: expected('lang_masks'),
  });
  const samplingPrompt = () => {
    const withOne = <T>(data: readonly T[], last: T) =>
      [0, 1].flatMap((i) => [...data.slice(48 * i, 48 * (i + 1)), last]);
    const tokens = withOne([...(expected('lang_tokens').data as BigInt64Array)], 2n);
    const mask = withOne([...(expected('lang_masks').data as Uint8Array)], 1);
    return {
      ...images,
      tokens: ids(tokens, [2, 49]),
      token_mask: new Tensor('bool', Uint8Array.from(mask), [2, 49]),
    };
  };

  it('in normalised vectors, to 1e-6, in state bins and prompts', async () => {
    const moments = (vector: string, names: readonly string[]) =>
      Object.fromEntries(
        names.map((name) => [name, [...numbers(inputs(`stats.${vector}.${name}`))]]),
      );
    const { tasks, prompts } = await goldenCases();
    const text = await loadPromptTokenizer(join(GOLDEN_FAST, 'text/tokenizer.json'));
    const states = numbers(inputs('state'));
    const actions = numbers(inputs('action'));
    for (const [type, names, form] of [
      ['quantile', ['q01', 'q99'], ''],
      ['meanStd', ['mean', 'std'], '_meanstd'],
    ] as const)
      for (const sample of [0, 1]) {
        // Each vector by a transform of its own: the golden robot has other states than actions.
        const of = (vector: string, width: number) =>
          makeTransforms(
            [{ type, convention: 'lerobot', state: moments(vector, names), actions: moments(vector, names) }], // prettier-ignore
            { stateDim: width, actionDim: width },
          );
        const state = Float64Array.from(states.subarray(4 * sample, 4 * sample + 4));
        const normalised = of('observation.state', 4).state(state);
        const golden = numbers(expected(`state_normalized${form}`)).subarray(4 * sample, 4 * sample + 4); // prettier-ignore
        near(normalised, golden, 1e-6);
        const chunk = actions.slice(24 * sample, 24 * sample + 24);
        const targets = of('action', 3).targets(chunk, new Float64Array(3));
        near(targets, numbers(expected(`action_normalized${form}`)).subarray(24 * sample, 24 * sample + 24), 1e-6); // prettier-ignore
        const generated = numbers(expected('gen.actions_normalized')).slice(24 * sample, 24 * sample + 24); // prettier-ignore
        near(of('action', 3).actions(generated, new Float64Array(3)), numbers(expected(`gen.actions${form}`)).subarray(24 * sample, 24 * sample + 24), 1e-6); // prettier-ignore
        if (type === 'meanStd') continue;
        const bins = numbers(expected('state_bins')).subarray(4 * sample, 4 * sample + 4);
        assert.deepEqual(Array.from(normalised, stateBin), Array.from(bins, Number));
        const prompt = promptText({ layout: 'lerobot' }, tasks[sample], normalised);
        assert.equal(prompt, prompts[sample]);
        const all = [text.begin, ...text.encode(prompt)];
        const padded = [...all, ...Array<number>(48 - all.length).fill(0)];
        const tokens = (expected('lang_tokens').data as BigInt64Array).subarray(48 * sample, 48 * sample + 48); // prettier-ignore
        assert.deepEqual(padded, Array.from(tokens, Number));
      }
  });

  it('in the ids of texts', async () => {
    const { text_tokens } = await goldenCases();
    const { encode } = await loadPromptTokenizer(join(GOLDEN_FAST, 'text/tokenizer.json'));
    for (const { text, ids: golden } of text_tokens)
      // The library turns these into tokens only where they stand alone.
      if (!text.includes('<loc')) assert.deepEqual(encode(text), golden, text);
  });

  it('in the vision tower, to 5e-5, and 4e-6 in the root mean square', async () => {
    const graph = new Graph('vision');
    const { patches } = prefixInputs(graph, GOLDEN_CONFIG, 'floats', false, { cameras: 1, text: 1 }); // prettier-ignore
    const projected = imageTokens(source(graph), patches, GOLDEN_CONFIG);
    // Two norms in a layer, and one at the end.
    const norms = graph.nodes.filter(({ op }) => op === 'LayerNormalization');
    const embedded = norms[0].inputs[0]!;
    const stages: Record<string, Value> = {
      patch: embedded.producer!.inputs[0]!,
      embeddings: embedded,
      'layer.0': norms[2].inputs[0]!,
      'layer.1': norms[4].inputs[0]!,
      post: norms[4].outputs[0],
    };
    for (const [name, value] of Object.entries(stages)) graph.output(name, value);
    graph.output('projector', projected);
    const { data, dims } = expected('image.0');
    const found = await run(graph, { images: new Tensor('float32', data as Float32Array, [2, 1, ...dims.slice(1)]), tokens: ids([0n, 0n], [2, 1]) }); // prettier-ignore
    const limits = { rms: 4e-6 };
    near(numbers(found.projector), numbers(expected('camera0.projector')), 5e-5, limits);
    for (const name of Object.keys(stages).slice(1))
      near(numbers(found[name]), numbers(expected(`camera0.vision.${name}`)), 5e-5, limits);
    // The convolution has its channels first.
    const channelsFirst = Float32Array.from({ length: found.patch.size }, (_, i) => {
      const [sample, channel, place] = [Math.floor(i / 288), Math.floor(i / 9) % 32, i % 9];
      return numbers(found.patch)[(sample * 9 + place) * 32 + channel];
    });
    near(channelsFirst, numbers(expected('camera0.vision.patch')), 5e-5, limits);
  });

  it('in the prompt that sampling reads: embeddings to 3e-5, hidden states to 1e-4, keys and values to 2e-5', async () => {
    const graph = new Graph('prompt');
    const { embeddings, cache, hidden } = readPrompt(graph, source, GOLDEN_CONFIG);
    graph.output('embs', embeddings);
    graph.output('valid', cache.valid!);
    hidden.forEach((value, i) => graph.output(`hidden.${i}`, value));
    cache.layers.forEach(({ keys, values }, i) => {
      graph.output(`k.${i}`, keys);
      graph.output(`v.${i}`, values);
    });
    const found = await run(graph, samplingPrompt());
    const mask = expected('prefix.pad_masks').data as Uint8Array;
    assert.deepEqual(found.valid.data, mask);
    const counts = (width: number) => (i: number) => mask[Math.floor(i / width)] === 1;
    near(numbers(found.embs), numbers(expected('prefix.embs')), 3e-5, { rms: 1e-6, counts: counts(48) }); // prettier-ignore
    for (const [i, name] of ['0', '1', 'norm'].entries())
      near(numbers(found[`hidden.${i}`]), numbers(expected(`prefix.hidden.${name}`)), 1e-4, { counts: counts(48) }); // prettier-ignore
    for (const name of ['k.0', 'v.0', 'k.1', 'v.1'])
      near(numbers(found[name]), numbers(expected(`prefix.${name}`)), 2e-5, { counts: counts(16) });
  });

  it('in training: embeddings, hidden states to 5e-5, logits to 3e-5, log-probabilities to 1e-5', async () => {
    const graph = new Graph('training');
    const prompt = readPrompt(graph, source, GOLDEN_CONFIG);
    const actions = readActions(graph, source, prompt, maxActionTokens, GOLDEN_CONFIG);
    graph.output('prompt', prompt.embeddings);
    prompt.hidden.forEach((value, i) => graph.output(`prompt.${i}`, value));
    actions.hidden.forEach((value, i) => graph.output(`actions.${i}`, value));
    graph.output('logits', actions.logits);
    const tokens = expected('action_tokens');
    const mask = expected('action_token_mask').data as Uint8Array;
    const found = await run(graph, {
      ...trainingPrompt(),
      action_tokens: tokens,
      action_mask: expected('action_token_mask'),
    });
    const all = expected('train.pad_masks').data as Uint8Array;
    const perRow = (width: number, of: ArrayLike<number>) => (i: number) => of[Math.floor(i / width)] === 1; // prettier-ignore
    const maskOf = (from: number, to: number) =>
      [0, 1].flatMap((i) => [...all.subarray(99 * i + from, 99 * i + to)]);
    const [early, late] = [maskOf(0, PREFIX), maskOf(PREFIX, 99)];
    assert.deepEqual(late, [...mask]);
    near(numbers(found.prompt), rowsOf(expected('train.embs'), 0, PREFIX), 3e-5, { rms: 1e-6, counts: perRow(48, early) }); // prettier-ignore
    for (const [i, name] of ['0', '1', 'norm'].entries()) {
      const golden = expected(`train.hidden.${name}`);
      near(numbers(found[`prompt.${i}`]), rowsOf(golden, 0, PREFIX), 5e-5, { counts: perRow(48, early) }); // prettier-ignore
      near(numbers(found[`actions.${i}`]), rowsOf(golden, PREFIX, 99), 5e-5, { counts: perRow(48, late) }); // prettier-ignore
    }
    near(numbers(found.logits), numbers(expected('train.logits')), 3e-5, { rms: 2e-6, counts: perRow(V, late) }); // prettier-ignore
    const rows = logSoftmax(numbers(found.logits), V);
    const logp = [0, 1].flatMap(
      (sample) =>
      Array.from({ length: 23 }, (_, j) => rows[24 * sample + j][Number(tokens.data[24 * sample + j + 1])]), // prettier-ignore
    );
    const counts = (i: number) => mask[24 * Math.floor(i / 23) + (i % 23) + 1] === 1;
    near(logp, numbers(expected('train.logp')), 1e-5, { counts });
  });

  it('in the loss, to 3e-6, and its gradients, to 3e-5 of the largest', async () => {
    const { grad_keys: keys } = await goldenFastJson<{ grad_keys: string[] }>('config.json');
    const names = keys.map((key) => key.replace(/^model\./, ''));
    const graph = new Graph('loss');
    const count = maxActionTokens - 1;
    const loss = tokenLoss(graph, GOLDEN_CONFIG, { cameras: 3, text: 48, count }, 'floats');
    graph.output('loss', loss);
    const learned = names.map((name) => graph.inputs.find((input) => input.name === name)!);
    gradients(loss, learned).forEach((gradient, i) => graph.output(`gradient.${i}`, gradient));
    /** All but one of a sample's action tokens: without the last one, or the first. */
    const partOf = (name: string, from: 0 | 1): Tensor => {
      const { data, dims, type } = expected(name);
      const rows = [0, 1].flatMap((i) => [...(data as Uint8Array).slice(dims[1] * i + from, dims[1] * i + from + count)]); // prettier-ignore
      const values = type === 'int64' ? BigInt64Array.from(rows, BigInt) : Uint8Array.from(rows);
      return new Tensor(type as 'bool', values as Uint8Array, [2, count]);
    };
    const found = await run(graph, {
      ...trainingPrompt(),
      written: partOf('action_tokens', 0),
      written_mask: partOf('action_token_mask', 0),
      next: partOf('action_tokens', 1),
      counted: new Tensor('float32', Float32Array.from(partOf('action_token_mask', 1).data as Uint8Array), [2, count]), // prettier-ignore
      ...(await weightFeeds(graph, WEIGHTS, (name) => name.includes('.'))),
    });
    near(numbers(found.loss), numbers(expected('loss')), 3e-6);
    keys.forEach((key, i) => {
      const golden = numbers(expected(`grad.${key}`));
      near(numbers(found[`gradient.${i}`]), golden, 3e-5 * largestOf(golden));
    });
  });

  it('in the likelihood of given tokens, as sampling and as training reads them', async () => {
    const given = inputs('ppo.tokens');
    const tokenAt = (sample: number, i: number) => Number(given.data[GENERATED * sample + i]);
    const logits = async (
      prompt: Record<string, Tensor>,
      tokens: bigint[],
      fromPrompt: boolean,
    ) => {
      const count = tokens.length / 2;
      const graph = new Graph('likelihood');
      const read = readPrompt(graph, source, GOLDEN_CONFIG);
      const { logits: behind } = readActions(graph, source, read, count, GOLDEN_CONFIG);
      graph.output('prompt', reshape(read.logits, ['batch', '9*cameras+text', V], read.embeddings));
      graph.output('actions', reshape(behind, ['batch', count, V], graph.inputs.at(-1)));
      const found = await run(graph, { ...prompt, action_tokens: ids(tokens, [2, count]), action_mask: ones([2, count]) }); // prettier-ignore
      return [0, 1].map((sample) => [
        ...(fromPrompt ? rowsOf(sampleOf(found.prompt, sample), PREFIX, PREFIX + 1) : []),
        ...numbers(sampleOf(found.actions, sample)),
      ]);
    };
    const all = (from: number, to: number, begin: bigint[] = []) =>
      [0, 1].flatMap((sample) => [...begin, ...(given.data as BigInt64Array).subarray(GENERATED * sample + from, GENERATED * sample + to)]); // prettier-ignore
    const sampling = await logits(samplingPrompt(), all(0, GENERATED - 1), true);
    const compare = (rows: number[][], temperature: number, name: string, limit: number) =>
      rows.forEach((row, sample) => {
        const logp = logSoftmax(row, V, temperature);
        const golden = numbers(sampleOf(expected(`ppo.${name}`), sample));
        if (name === 'entropy')
          near(logp.map((one) => -one.reduce((sum, value) => sum + Math.exp(value) * value, 0)), golden, limit); // prettier-ignore
        else
          near(
            golden.map((_, i) => logp[i][tokenAt(sample, i)]),
            golden,
            limit,
          );
      });
    compare(sampling, 1, 'logp', 3e-5);
    compare(sampling, 0.7, 'logp_t07', 3e-5);
    compare(sampling, 1, 'entropy', 5e-6);
    compare(await logits(trainingPrompt(), all(0, GENERATED - 1, [2n]), false), 1, 'logp_trainmask', 2e-5); // prettier-ignore
  });

  it('in the likelihood that learning from attempts reads: of each token among those that may follow, at a temperature, to 3e-5', async () => {
    const temperature = 0.7;
    const prefix = prefixGraph(GOLDEN_CONFIG, source, 'floats');
    const cache = await run(prefix, samplingPrompt());
    const golden = [0, 1].map((sample) => {
      const tokens = Array.from(sampleOf(expected('gen.tokens'), sample).data as BigInt64Array, Number); // prettier-ignore
      const logits = numbers(sampleOf(expected('gen.logits'), sample));
      const allowed = allowedIds(GOLDEN_CONFIG, GOLDEN_MARKS);
      const own = tokens.slice(3, tokens.indexOf(374) + 1);
      const rows = logSoftmax(own.flatMap((_, i) => allowed.map((id) => logits[(i + 3) * V + id])), allowed.length, temperature); // prettier-ignore
      return { own, logp: own.map((token, i) => rows[i][allowed.indexOf(token)]) };
    });
    const reading = { config: GOLDEN_CONFIG, marks: GOLDEN_MARKS };
    const lora = { parameters: 'lora', rank: 2 } as const;
    const graph = new Graph('likelihood');
    graph.output('logp', likelihood(graph, reading, { trainable: lora, cameras: 3, text: 49 }));
    const given = golden.map(({ own, logp }) => ({
      ...{ ids: Int32Array.from(own), logProbabilities: Float32Array.from(logp), temperature },
    }));
    const feeds = { ...cache, ...writtenFeeds(reading, given) };
    const weights = graph.inputs.filter(({ name }) => name.includes('paligemma'));
    const loaded = await loadWeights(WEIGHTS, weights.map(({ name }) => name).filter((name) => !name.includes('lora_'))); // prettier-ignore
    const tensors: Record<string, Tensor> = {};
    for (const { name, shape } of weights) {
      const dims = shape as number[];
      const zeros = new Float32Array(dims.reduce((a, b) => a * b));
      tensors[name] = new Tensor('float32', loaded.get(name) ?? zeros, dims);
    }
    const found = await run(graph, { ...feeds, ...tensors });
    golden.forEach(({ logp }, sample) =>
      near(numbers(sampleOf(found.logp, sample)).subarray(2, 2 + logp.length), logp, 3e-5),
    );
  });

  it('in the tokens of a chunk, their logits to 2e-5, and the chunk to 1e-6', async () => {
    const graph = sampleGraph(GOLDEN_CONFIG, source, 'floats', GOLDEN_MARKS);
    const allowed = allowedIds(GOLDEN_CONFIG, GOLDEN_MARKS);
    const most = maxActionTokens - 3;
    const { decode } = fastCodec(await goldenPairs(), GOLDEN_CONFIG);
    for (const sample of [0, 1]) {
      const own = (name: string) => sampleOf(expected(name), sample);
      const words = [...(own('lang_masks').data as Uint8Array)].filter(Boolean).length;
      const tokens = [...(own('lang_tokens').data as BigInt64Array).subarray(0, words), 2n];
      const found = await run(graph, {
        // The missing camera is left out.
        images: stackCameras([0, 1].map((i) => own(`image.${i}`))),
        tokens: ids(tokens, [1, tokens.length]),
        noise: new Tensor('float32', new Float32Array(most * allowed.length), [most, allowed.length]), // prettier-ignore
      });
      const written = Array.from(found.written.data as BigInt64Array, Number);
      const golden = Array.from(own('gen.tokens').data as BigInt64Array, Number);
      // The reference writes the marks before the codes as well, and goes on until all samples have ended.
      assert.deepEqual(written, golden.slice(3, golden.indexOf(374) + 1));
      const logits = numbers(own('gen.logits'));
      const goldenLogits = written.flatMap((_, i) => allowed.map((id) => logits[(i + 3) * V + id]));
      near(numbers(found.logits), goldenLogits, 2e-5, { rms: 2e-6 });
      const logp = logSoftmax(logits, V).map((row, i) => row[golden[i]]);
      near(logp, numbers(own('gen.logp')), 3e-6);
      const { actions: chunk } = decode(codesIn(written, GOLDEN_MARKS, GOLDEN_CONFIG));
      near(chunk, numbers(own('gen.actions_normalized')), 1e-6);
    }
  });
});
