import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { gradients } from '../../src/onnx/gradient.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import {
  add,
  cast,
  divide,
  gather,
  maximum,
  minimum,
  multiply,
  power,
  reduceMean,
  reshape,
  slice,
  subtract,
} from '../../src/onnx/operators.ts';
import { attentionRules } from '../../src/policy/families/octo/attentionRules.ts';
import { type OctoConfig, chunkSize } from '../../src/policy/families/octo/config.ts';
import { octoInputs, sampled } from '../../src/policy/families/octo/graphs.ts';
import { denoise, predictNoise, timeFeatures } from '../../src/policy/families/octo/head.ts';
import { cosineSchedule } from '../../src/policy/families/octo/schedule.ts';
import { stem } from '../../src/policy/families/octo/stem.ts';
import {
  assemble,
  attentionMask,
  lastReadout,
  transform,
} from '../../src/policy/families/octo/transformer.ts';
import type { WeightSource, Weights } from '../../src/policy/paligemma/network.ts';
import { externalWeights, inputWeights } from '../../src/policy/paligemma/weights.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { normalisationOf } from '../../src/policy/families/octo/import/statistics.ts';
import { loadSafetensors } from '../../src/tensors/safetensors.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { runOn, weightFeeds } from './fastNetwork.ts';
import { goldenTensors, largestOf } from './golden.ts';
import { distance } from './goldenFast.ts';
import { GOLDEN_OCTO, OCTO_WEIGHTS, goldenOcto, goldenOctoJson } from './goldenOcto.ts';

type Lookup = (name: string) => Tensor;
const numbers = ({ data }: Tensor) => data as Float32Array;

/** How far outputs may be from the reference's, by the beginning of their names. */
const TOLERANCES: [string, number][] = [
  ['projection/', 2e-5],
  ['primary0/', 3e-4],
  ['stem/', 2e-5],
  ['transformer_input', 2e-5],
  ['hidden/', 2e-5],
  ['outputs/', 5e-6],
  ['old/readout_action', 2e-6],
  ['head.fourier', 2e-5],
  ['head.cond', 3e-6],
  ['head.block.2', 5e-5],
  ['head.block.', 3e-5],
  ['head.pred_eps', 2e-5],
];

describe('Octo agrees with its own implementation', () => {
  let config: OctoConfig;
  let sizes: { batch: number; window: number };
  let inputs: Lookup;
  let expected: Lookup;
  let stats: ReadonlyMap<string, { data: ArrayLike<number> }>;
  let source: WeightSource;

  before(async () => {
    config = await goldenOcto();
    const { batch, window_size: window } = (await goldenOctoJson()) as Record<string, number>;
    sizes = { batch, window };
    inputs = await goldenTensors('inputs.safetensors', GOLDEN_OCTO);
    expected = await goldenTensors('expected.safetensors', GOLDEN_OCTO);
    stats = (await loadSafetensors(`${GOLDEN_OCTO}/inputs.safetensors`)).tensors as typeof stats;
    source = externalWeights(await readShardedHeader(OCTO_WEIGHTS), OCTO_WEIGHTS, OCTO_WEIGHTS);
  });

  const near = (
    name: string,
    actual: ArrayLike<number>,
    limit: number,
    golden = expected(name),
  ) => {
    const { most } = distance(actual, numbers(golden));
    assert.ok(most <= limit, `${name} is off by ${most}, more than ${limit}`);
  };
  /** Compares with the golden numbers of the same names, within their tolerances. */
  const compare = (found: Record<string, Tensor>) => {
    for (const [name, tensor] of Object.entries(found)) {
      const limit = TOLERANCES.find(([begins]) => name.startsWith(begins))![1];
      near(name, numbers(tensor), limit);
    }
  };
  const run = (graph: Graph, feeds: Record<string, Tensor>) => runOn(GOLDEN_OCTO, graph, feeds);

  /** The golden observation; a camera without a goal is shown zeros. */
  const observation = () => {
    const feeds: Record<string, Tensor> = {
      steps: inputs('observations/timestep_pad_mask'),
      language: inputs('tasks/language_instruction'),
      instructed: inputs('tasks/pad_mask_dict/language_instruction'),
    };
    for (const { name, imageSize: side } of config.images) {
      const none = new Tensor('uint8', new Uint8Array(sizes.batch * side * side * 3), [sizes.batch, side, side, 3]); // prettier-ignore
      const hasGoal = stats.has(`tasks/image_${name}`);
      feeds[`image.${name}`] = inputs(`observations/image_${name}`);
      feeds[`goal.${name}`] = hasGoal ? inputs(`tasks/image_${name}`) : none;
      feeds[`seen.${name}`] = inputs(`observations/pad_mask_dict/image_${name}`);
    }
    return feeds;
  };

  it('in images: convolutions, their norms and patches', async () => {
    const graph = new Graph('stems');
    const weights = source(graph);
    const { pictures } = octoInputs(graph, config, sizes);
    const channelsLast = (x: Value) =>
      graph.node('Transpose', [x], [{ type: x.type, shape: [0, 2, 3, 1].map((i) => x.shape[i]) }], {
        perm: { ints: [0, 2, 3, 1] },
      })[0];
    for (const image of config.images) {
      const { convolved, normed, patches } = stem(weights, pictures[image.name], image);
      graph.output(`stem/${image.name}`, patches);
      if (image.name !== 'primary') continue;
      convolved.forEach((x, i) => graph.output(`primary0/StdConv_${i}`, channelsLast(x)));
      normed.forEach((x, i) => graph.output(`primary0/GroupNorm_${i}`, channelsLast(x)));
    }
    const found = await run(graph, observation());
    for (const [name, tensor] of Object.entries(found)) {
      const limit = name.startsWith('primary0') ? 3e-4 : 2e-5;
      near(name, numbers(tensor).subarray(0, expected(name).size), limit);
    }
  });

  it('in tokens, masks, blocks and readouts', async () => {
    for (const correctAttention of [true, false]) {
      const graph = new Graph('transformer');
      const weights = source(graph);
      const own = { ...config, correctAttention };
      const tokens = assemble(weights, octoInputs(graph, own, sizes), own);
      const mask = attentionMask(tokens, own, sizes.window);
      const { hidden, outputs } = transform(weights, tokens.sequence, mask, own);
      graph.output('attention_mask', cast(mask, 'float32'));
      graph.output('outputs', outputs);
      for (const [name, value] of Object.entries(tokens.projections))
        graph.output(`projection/${name}`, value);
      graph.output('transformer_input', tokens.sequence);
      hidden.forEach((value, i) => graph.output(`hidden/${i}`, value));
      const { outputs: all, attention_mask: allowed, ...rest } = await run(graph, observation());

      const golden = expected(correctAttention ? 'attention_mask' : 'old/attention_mask');
      assert.deepEqual(Array.from(numbers(allowed)), Array.from(golden.data as Uint8Array));
      if (correctAttention) compare(rest);
      for (const [name, from, count] of groupsOf())
        if (correctAttention) compare({ [`outputs/${name}`]: cut(all, from, count) });
        else if (name === 'readout_action') compare({ [`old/${name}`]: cut(all, from, count) });
    }
  });

  /** Names of a step's token groups with where they begin, and their numbers. */
  const groupsOf = (): [string, number, number][] => {
    let from = 0;
    const counts: [string, number][] = [
      ...config.images.map(({ name }): [string, number] => [`obs_${name}`, expected(`projection/obs_${name}`).dims[2]]), // prettier-ignore
      ['obs_task_language', config.language!.tokens],
      ['readout_action', config.readouts],
    ];
    return counts.map(([name, count]) => [name, (from += count) - count, count]);
  };

  /** Tokens `from`, …, of each step. */
  const cut = ({ data, dims }: Tensor, from: number, count: number) => {
    const [batch, all, width] = dims;
    const prefix = config.language!.tokens;
    const step = (all - prefix) / sizes.window;
    const parts: number[] = [];
    for (let sample = 0; sample < batch; sample++)
      for (let at = 0; at < sizes.window; at++) {
        const begin = sample * all + prefix + at * step + from;
        parts.push(...(data as Float32Array).subarray(begin * width, (begin + count) * width));
      }
    return new Tensor('float32', Float32Array.from(parts), [parts.length]);
  };

  it('in a step that is read alone, as the first of a window, as on a robot', async () => {
    const sample = 1; // Its first step is no padding.
    const first = (tensor: Tensor, dims: readonly number[]) => {
      const size = tensor.size / sizes.batch / (dims[1] === 1 ? sizes.window : 1);
      const from = (sample * tensor.size) / sizes.batch;
      return new Tensor(tensor.type as 'float32', tensor.data.slice(from, from + size) as Float32Array, dims); // prettier-ignore
    };
    const graph = new Graph('one');
    const { outputs } = sampled(graph, source, config);
    graph.output('readout', lastReadout(outputs, config));
    const flat = chunkSize(config);
    const zeros = (dims: number[]) =>
      new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)), dims);
    const dims = new Map(graph.inputs.map(({ name, shape }) => [name, shape as number[]]));
    const own = Object.entries(observation()).map(([name, tensor]) => [name, first(tensor, dims.get(name)!)]); // prettier-ignore
    const feeds = Object.fromEntries(own) as Record<string, Tensor>;
    const noise = { noise: zeros([1, flat]), draws: zeros([config.head.steps, 1, flat]) };
    const { readout } = await run(graph, { ...feeds, ...noise });
    const golden = expected('outputs/readout_action');
    const [, , count, width] = golden.dims;
    const from = sample * sizes.window * count * width;
    const { most } = distance(
      numbers(readout),
      numbers(golden).subarray(from, from + count * width),
    );
    assert.ok(most <= 5e-6, `off by ${most}`);
  });

  it('in the schedule, to 1e-5', () => {
    const { betas, alphas, alphaHats } = cosineSchedule(config.head.steps);
    near('betas', betas, 1e-5);
    near('alphas', alphas, 1e-5);
    near('alpha_hats', alphaHats, 1e-5);
  });

  it('in the noise that the head predicts', async () => {
    const rows = sizes.batch * sizes.window;
    const graph = new Graph('head');
    const weights = source(graph);
    const times = graph.input('times', 'float32', [rows, 1]);
    const tokens = graph.input('readout', 'float32', [rows, config.readouts, config.width]);
    const noisy = graph.input('noisy', 'float32', [rows, chunkSize(config)]);
    const { fourier, condition } = timeFeatures(weights, times, config);
    const mean = reduceMean(tokens, [1], false);
    const { blocks, noise } = predictNoise(weights, condition, mean, noisy, config);
    graph.output('head.fourier', fourier);
    graph.output('head.cond', condition);
    blocks.forEach((block, i) => graph.output(`head.block.${i}`, block));
    graph.output('head.pred_eps', noise);
    const shaped = (data: ArrayLike<number>, dims: number[]) =>
      new Tensor('float32', Float32Array.from(data), dims);
    const found = await run(graph, {
      times: shaped(numbers(inputs('head.time')), [rows, 1]),
      readout: shaped(numbers(expected('outputs/readout_action')), [rows, config.readouts, config.width]), // prettier-ignore
      noisy: shaped(numbers(inputs('head.noisy_actions')), [rows, chunkSize(config)]),
    });
    compare(found);
  });

  /** The loss of training (octo/model/components/action_heads.py): the noise's mean squared error over numbers that count, times their number in an action. */
  const diffusionLoss = (graph: Graph, weights: Weights) => {
    const { batch, window } = sizes;
    const { readouts, width, head } = config;
    const rows = batch * window;
    const flat = chunkSize(config);
    const tokens = assemble(weights, octoInputs(graph, config, sizes), config);
    const mask = attentionMask(tokens, config, window);
    const { outputs } = transform(weights, tokens.sequence, mask, config);
    const [prefix, all] = [config.language!.tokens, outputs.shape[1] as number];
    const step = (all - prefix) / window;
    const steps = reshape(slice(outputs, 1, prefix, all), [rows, step, width]);
    const readout = slice(steps, 1, step - readouts, step);

    const [actions, noise, counts] = ['actions', 'loss.noise', 'counts'].map((name) =>
      graph.input(name, 'float32', [rows, flat]),
    );
    const times = graph.input('loss.time', 'int64', [rows]);
    const { alphaHats } = cosineSchedule(head.steps);
    const share = (of: (alphaHat: number) => number) =>
      gather(graph.constant('float32', alphaHats.map(of), [head.steps, 1]), times);
    const within = minimum(maximum(actions, -head.maxAction), head.maxAction);
    const noisy = add(multiply(within, share(Math.sqrt)), multiply(noise, share((hat) => Math.sqrt(1 - hat)))); // prettier-ignore
    const { condition } = timeFeatures(weights, reshape(cast(times, 'float32'), [rows, 1]), config);
    const found = predictNoise(weights, condition, reduceMean(readout, [1], false), noisy, config);
    const error = reduceMean(multiply(power(subtract(found.noise, noise), 2), counts), [0, 1]);
    return multiply(divide(error, reduceMean(counts, [0, 1])), config.actionDim);
  };

  it('in the loss of given actions, to 5e-6, and its gradients, to 3e-5 of the largest', async () => {
    const { grad_keys: keys } = (await goldenOctoJson()) as { grad_keys: string[] };
    const graph = new Graph('training');
    const loss = diffusionLoss(graph, inputWeights(graph));
    graph.output('loss', loss);
    const named = new Map(graph.inputs.map((input) => [input.name, input]));
    gradients(loss, keys.map((key) => named.get(key)!)) // prettier-ignore
      .forEach((gradient, i) => graph.output(`gradient.${i}`, gradient));

    const shaped = (name: string) =>
      new Tensor('float32', numbers(inputs(name)), named.get(name)!.shape as number[]);
    const real = inputs('observations/timestep_pad_mask').data as Uint8Array;
    const counts = Float32Array.from(inputs('action_pad_mask').data as Uint8Array, (given, i) =>
      given && real[Math.floor(i / chunkSize(config))] ? 1 : 0,
    );
    const rows = real.length;
    const found = await run(graph, {
      ...(await weightFeeds(graph, OCTO_WEIGHTS, (name) => name.includes('/'))),
      ...observation(),
      actions: shaped('actions'),
      'loss.noise': shaped('loss.noise'),
      counts: new Tensor('float32', counts, [rows, chunkSize(config)]),
      'loss.time': new Tensor('int64', BigInt64Array.from(inputs('loss.time').data as Int32Array, BigInt), [rows]), // prettier-ignore
    });
    near('loss', numbers(found.loss), 5e-6);
    keys.forEach((key, i) => {
      const golden = numbers(expected(`grad/${key}`));
      near(`grad/${key}`, numbers(found[`gradient.${i}`]), 3e-5 * largestOf(golden));
    });
  });

  /** Chunks of the last step from readout tokens [batch, window, readouts, width]. */
  const sample = async (readouts: Tensor, robotActionDim = config.actionDim) => {
    const { batch, window } = sizes;
    const own = { ...config, robotActionDim };
    const flat = chunkSize(config);
    const graph = new Graph('sample');
    const shape = [batch, config.readouts, config.width];
    const names = { readout: shape, noise: [batch, flat], draws: [config.head.steps, batch, flat] };
    const [readout, noise, draws] = Object.entries(names).map(([name, dims]) =>
      graph.input(name, 'float32', dims),
    );
    graph.output('actions', reshape(denoise(source(graph), readout, noise, draws, own), [batch * flat])); // prettier-ignore
    /** The last step of each window of rows [.., window, width]. */
    const last = (tensor: Tensor, width: number, dims: number[]) => {
      const kept = Array.from(
        { length: tensor.size / width / window },
        (_, i) =>
        [...numbers(tensor).subarray((i * window + window - 1) * width, (i + 1) * window * width)], // prettier-ignore
      );
      return new Tensor('float32', Float32Array.from(kept.flat()), dims);
    };
    const { actions } = await run(graph, {
      readout: last(readouts, config.readouts * config.width, shape),
      noise: last(inputs('sample.noise'), flat, names.noise),
      draws: last(inputs('sample.z'), flat, names.draws),
    });
    return numbers(actions);
  };

  it('in chunks, also where samples are clipped and where the robot has fewer numbers', async () => {
    const readouts = expected('outputs/readout_action');
    near('sample.actions_normalized', await sample(readouts), 5e-6);
    near('sample.actions_clipped', await sample(inputs('sample.clip_tokens')), 3e-4);
    const [, , numbersOfRobot] = expected('sample.actions_embodiment').dims;
    near('sample.actions_embodiment_all_dims', await sample(readouts, numbersOfRobot), 5e-6);
  });

  it('in actions by the statistics of a data set', () => {
    const few = (name: string, count: number) =>
      Array.from(stats.get(`stats/${name}`)!.data).slice(0, count);
    const moments = (count: number) => {
      const [mean, std, p01, p99, mask] = ['mean', 'std', 'p01', 'p99', 'mask'].map((name) => few(name, count)); // prettier-ignore
      return { mean: mean as [number], std, p01, p99, mask: mask.map(Boolean) };
    };
    const actionsOf = (name: string, type: 'normal' | 'bounds', count: number) => {
      const step = normalisationOf({ moments: moments(count), source: '' }, type, count);
      const size = { stateDim: count, actionDim: config.actionDim };
      const { actions } = makeTransforms([step], size);
      return actions(numbers(expected(name)), new Float64Array(count));
    };
    const { actionDim } = config;
    const [, , own] = expected('sample.actions_embodiment').dims;
    near('sample.actions', actionsOf('sample.actions_normalized', 'normal', actionDim), 5e-6);
    near(
      'sample.actions_bounds',
      actionsOf('sample.actions_normalized', 'bounds', actionDim),
      1e-5,
    );
    near('sample.actions_embodiment', actionsOf('sample.actions_embodiment_all_dims', 'normal', own), 5e-6); // prettier-ignore
  });

  it('whose tokens see nothing of later steps, and whose readouts nobody but readouts sees', () => {
    const window = 2;
    const rules = attentionRules(config, window);
    const prefix = config.language!.tokens;
    const step = (rules.length - prefix) / window;
    for (const [query, row] of rules.entries())
      for (const [key, allowed] of row.entries()) {
        const isReadout = (token: number) =>
          token >= prefix && (token - prefix) % step === step - 1;
        const stepOf = (token: number) => Math.floor((token - prefix) / step);
        if (isReadout(key) && !isReadout(query)) assert.equal(allowed, false);
        if (stepOf(key) > stepOf(query)) assert.equal(allowed, false);
      }
  });
});
