import { learnablePi0 } from '../../src/policy/families/pi0/learnable.ts';
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { type SurrogateConfig, fpoSchema, surrogateConfig } from '../../src/learning/fpo/config.ts';
import {
  centredLossesGraph,
  fpoGraph,
  oldLossesGraph,
  surrogateGraph,
} from '../../src/learning/fpo/graph.ts';
import { surrogate } from '../../src/learning/fpo/surrogate.ts';
import { gradients } from '../../src/onnx/gradient.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { multiplyDims } from '../../src/onnx/dim.ts';
import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { trainableParameters } from '../../src/policy/families/pi0/trainable.ts';
import { runGraph } from '../onnx/run.ts';
import { goldenConfig, goldenTensors, largestDifference, largestOf } from '../policy/golden.ts';
import { type Lookup, goldenCache } from './goldenCache.ts';

const numbers = ({ data }: Tensor) => data as Float32Array;
const floats = (values: Iterable<number>, dims: readonly number[]) =>
  new Tensor('float32', Float32Array.from(values), dims);

const settings = ({ clip = 0.02, ...ablation }: Partial<SurrogateConfig> = {}) =>
  surrogateConfig(
    fpoSchema.parse({
      trainable: { parameters: 'expert' },
      seed: 0,
      clip,
      ablation: { centred: false, ...ablation },
    }),
  );

describe("FPO's graph on the reference numbers", () => {
  let config: Pi0Config;
  let expected: Lookup;
  let feeds: Record<string, Tensor>;
  let weightOf: (name: string) => Tensor;
  const options = () => ({
    policy: learnablePi0(config),
    trainable: { parameters: 'expert' } as const,
    cameras: 3,
    text: config.maxTokens,
    samples: 4,
    dims: 14,
  });
  /** Feeds of a graph: what it asks for of the batch, the rest from the weights. */
  const feedsOf = (graph: Graph, but: readonly string[] = []) =>
    Object.fromEntries(
      graph.inputs
        .filter(({ name }) => !but.includes(name))
        .map(({ name }) => [name, feeds[name] ?? weightOf(name)]),
    );

  before(async () => {
    config = await goldenConfig('config.json');
    const inputs = await goldenTensors('inputs.safetensors');
    expected = await goldenTensors('expected.safetensors');
    const model = await goldenTensors('model.safetensors');
    weightOf = (name) => model(`model.${name}`);
    const { horizon, actionDim } = config;
    const flat = (name: string, dims: number[]) => floats(numbers(inputs(name)), dims);
    feeds = {
      ...(await goldenCache(config, inputs)),
      state: inputs('state'),
      actions: inputs('actions'),
      mask: flat('fpo.valid_mask', [2, horizon]),
      noise: flat('fpo.noise', [8, horizon, actionDim]),
      time: flat('fpo.time', [8]),
      old_losses: flat('fpo.old_losses', [8]),
      advantages: inputs('fpo.advantages'),
    };
  });

  it('gives the losses, the ratios, the loss and its gradients', async () => {
    const graph = fpoGraph(options(), settings());
    const result = await runGraph(graph, feedsOf(graph));
    assert.ok(largestDifference(result.losses, expected('fpo.new_losses')) <= 1e-4);
    const ratios = numbers(expected('fpo.ratios'));
    numbers(result.ratios).forEach((ratio, i) =>
      assert.ok(Math.abs(ratio / ratios[i] - 1) <= 1e-4, `ratio ${i}: ${ratio}, ${ratios[i]}`),
    );
    assert.ok(largestDifference(result.loss, expected('fpo.loss')) <= 3e-5);
    const names = [
      'action_out_proj.weight',
      'paligemma_with_expert.gemma_expert.model.layers.1.self_attn.q_proj.weight',
      'paligemma_with_expert.gemma_expert.model.layers.2.mlp.down_proj.weight',
    ];
    for (const name of names) {
      const reference = expected(`grad_fpo.model.${name}`);
      const largest = largestOf(numbers(reference));
      const difference = largestDifference(result[`gradient.${name}`], reference);
      assert.ok(difference <= 5e-5 * largest, `${name}: off by ${difference} of ${largest}`);
    }
  });

  it('gives old losses that make every ratio one, and clamps those of rows beyond', async () => {
    const old = oldLossesGraph(options(), 4);
    const { losses, clamped } = await runGraph(old, feedsOf(old));
    const graph = fpoGraph(options(), settings());
    const { ratios } = await runGraph(graph, { ...feedsOf(graph), old_losses: losses });
    numbers(ratios).forEach((ratio) => assert.ok(Math.abs(ratio - 1) < 1e-4));
    const rows = config.horizon * 4;
    numbers(clamped).forEach((value, i) => {
      assert.ok(value <= numbers(losses)[i] && value <= rows);
    });
    assert.ok(numbers(clamped).some((value, i) => value < 0.99 * numbers(losses)[i]));
  });

  it('centres losses on what exploration changed: off the unexplored velocity by as much, in actions', async () => {
    const old = centredLossesGraph(options(), 4);
    const run = (actions: Tensor, centre: Tensor) =>
      runGraph(old, { ...feedsOf(old, ['centre', 'actions']), actions, centre });
    const { actions } = feeds;
    const centre = floats(numbers(actions).map((value) => value - 0.1), actions.dims); // prettier-ignore
    // Where nothing was explored, there is no loss, and the target is the velocity itself.
    const [here, there] = [await run(actions, actions), await run(centre, centre)];
    for (const { losses } of [here, there]) assert.ok(numbers(losses).every((loss) => loss === 0));

    const { losses, target } = await run(actions, centre);
    const wanted = numbers(there.target).map((velocity) => velocity - 0.1);
    assert.ok(largestDifference(target, floats(wanted, target.dims)) <= 1e-5);
    const { horizon, actionDim } = config;
    numbers(losses).forEach((loss, pair) => {
      const time = numbers(feeds.time)[pair];
      let sum = 0;
      for (let i = 0; i < horizon * actionDim; i++) {
        const [row, dim] = [Math.floor(i / actionDim), i % actionDim];
        if (dim >= 14) continue;
        const counts = numbers(feeds.mask)[Math.floor(pair / 4) * horizon + row];
        const at = pair * horizon * actionDim + i;
        sum += (counts * time ** 2 * (numbers(here.target)[at] - wanted[at]) ** 2) / 14;
      }
      assert.ok(Math.abs(loss - sum) <= 1e-4 * Math.max(1, sum), `${loss} is not ${sum}`);
    });

    const graph = fpoGraph(options(), { ...settings(), centred: true });
    const scale = floats([2], []);
    const doubled = floats(numbers(losses).map((loss) => 2 * loss), losses.dims); // prettier-ignore
    const given = { target, scale, old_losses: doubled };
    const { ratios } = await runGraph(graph, { ...feedsOf(graph, ['target', 'scale']), ...given });
    numbers(ratios).forEach((ratio) => assert.ok(Math.abs(ratio - 1) < 1e-4));
  });

  for (const rank of [16, 32])
    describe(`with adapters of rank ${rank}`, () => {
      const lora = { parameters: 'lora', rank, alpha: 2 * rank } as const;
      const adapted = () => ({ ...options(), trainable: lora });
      const factors = () =>
        trainableParameters(lora, config).map(({ name, shape }, i) => {
          const data = gaussianNoise([6, i], shape[0] * shape[1]);
          return [name, floats(data.map((x) => x / Math.sqrt(40 * shape[1])), shape)] as const; // prettier-ignore
        });
      /** What a graph gives when it has these factors. */
      const run = (graph: Graph, given: Iterable<readonly [string, Tensor]>) => {
        const learned = Object.fromEntries(given);
        return runGraph(graph, { ...feedsOf(graph, Object.keys(learned)), ...learned });
      };

      it('gives the losses of weights to which alpha / rank · B·A is added', async () => {
        const given = new Map(factors());
        const { losses } = await run(oldLossesGraph(adapted(), 4), given);
        const whole = oldLossesGraph(options(), 4);
        const changed = Object.entries(feedsOf(whole)).map(([name, tensor]) => {
          const layer = name.replace(/\.weight$/, '');
          const [down, up] = ['A', 'B'].map((half) => given.get(`${layer}.lora_${half}.weight`));
          if (!down || !up) return [name, tensor] as const;
          const [rows, columns] = tensor.dims;
          const sum = Float32Array.from(numbers(tensor), (weight, at) => {
            const [row, column] = [Math.floor(at / columns), at % columns];
            for (let r = 0; r < rank; r++)
              weight += 2 * numbers(up)[row * rank + r] * numbers(down)[r * columns + column];
            return weight;
          });
          return [name, floats(sum, [rows, columns])] as const;
        });
        const merged = await run(whole, changed);
        numbers(merged.losses).forEach((loss, i) =>
          assert.ok(
            Math.abs(numbers(losses)[i] / loss - 1) <= 5e-5,
            `${numbers(losses)[i]}, ${loss}`,
          ),
        );
      });

      it('takes a step after which the loss has changed as its gradient says', async () => {
        const surrogate = settings({ clipping: false });
        const given = factors();
        const { losses: old_losses } = await run(oldLossesGraph(adapted(), 4), given);
        const start = await run(fpoGraph(adapted(), surrogate), [...given, ['old_losses', old_losses]]); // prettier-ignore
        const slopeOf = (name: string) => numbers(start[`gradient.${name}`]);
        const square = given.reduce(
          (sum, [name]) => slopeOf(name).reduce((a, x) => a + x * x, sum),
          0,
        );
        const graph = surrogateGraph(adapted(), surrogate);
        const lossAfter = async (change: number) => {
          const moved = given.map(([name, tensor]) => {
            const slope = slopeOf(name);
            const data = numbers(tensor).map((x, i) => x + (change / square) * slope[i]);
            return [name, floats(data, tensor.dims)] as const;
          });
          return numbers((await run(graph, [...moved, ['old_losses', old_losses]])).loss)[0];
        };
        const change = (await lossAfter(0.02)) - (await lossAfter(-0.02));
        assert.ok(Math.abs(change / 0.04 - 1) < 0.02, `${change}`);
      });
    });

  it('has neither loss nor slope where no row counts', async () => {
    const graph = fpoGraph(options(), settings());
    const { dims } = feeds.mask;
    const mask = floats(new Float32Array(2 * config.horizon), dims);
    const result = await runGraph(graph, {
      ...feedsOf(graph),
      mask,
      old_losses: floats(new Float32Array(8), [8]),
    });
    assert.ok(numbers(result.losses).every((loss) => loss === 0));
    for (const [name, value] of Object.entries(result))
      if (name.startsWith('gradient.')) assert.ok(numbers(value).every((slope) => slope === 0));
  });
});

describe('the surrogate', () => {
  const SAMPLES = 3;
  const BATCH = 4;
  const OLD = Array.from({ length: 12 }, (_, i) => 2 + Math.sin(i));
  const NEW = Array.from({ length: 12 }, (_, i) => 2 + Math.sin(i) + 0.08 * Math.cos(3 * i + 1));
  const ADVANTAGES = [1.5, -0.7, 0.4, -1.2];

  async function run(change: Partial<SurrogateConfig>, current: readonly number[], old = OLD) {
    const graph = new Graph('surrogate');
    const pairs = multiplyDims('batch', SAMPLES);
    const inputs = {
      old: graph.input('old', 'float32', [pairs]),
      current: graph.input('current', 'float32', [pairs]),
      advantages: graph.input('advantages', 'float32', ['batch']),
      samples: SAMPLES,
    };
    const { loss, ratios } = surrogate(inputs, settings(change));
    graph.output('loss', loss);
    graph.output('ratios', ratios);
    graph.output('slope', gradients(loss, [inputs.current])[0]);
    const result = await runGraph(graph, {
      old: floats(old, [BATCH * SAMPLES]),
      current: floats(current, [BATCH * SAMPLES]),
      advantages: floats(ADVANTAGES, [BATCH]),
    });
    return {
      loss: numbers(result.loss)[0],
      ratios: [...numbers(result.ratios)],
      slope: [...numbers(result.slope)],
    };
  }

  const kinds: Record<string, Partial<SurrogateConfig>> = {
    'of pairs': {},
    'of pairs, with ASPO': { aspo: true },
    'of pairs, without clipping': { clipping: false },
    'of chunks': { ratio: 'mean' },
    'of chunks, with ASPO': { ratio: 'mean', aspo: true },
    none: { ratio: 'none' },
  };
  for (const [name, change] of Object.entries(kinds))
    it(`has the slope that central differences have, ratio ${name}`, async () => {
      const { slope } = await run(change, NEW);
      const step = 1e-2;
      for (let i = 0; i < NEW.length; i++) {
        const moved = (by: number) => NEW.map((value, j) => (j === i ? value + by : value));
        const [up, down] = [await run(change, moved(step)), await run(change, moved(-step))];
        const differing = up.ratios.some((ratio, j) => {
          const beyond = (r: number) => Math.abs(r - 1) > 0.02;
          return beyond(ratio) !== beyond(down.ratios[j]);
        });
        if (differing && change.clipping !== false && change.ratio !== 'none') continue;
        const measured = (up.loss - down.loss) / (2 * step);
        assert.ok(Math.abs(slope[i] - measured) <= 1e-3 * Math.abs(measured) + 1e-4, `${i}`);
      }
    });

  it('takes mean and deviation for constants where it standardises', async () => {
    const { slope, ratios } = await run({ ratio: 'standardised', clipping: false }, NEW);
    const changes = [0, 1, 2, 3].map(
      (b) => [0, 1, 2].reduce((sum, i) => sum + OLD[3 * b + i] - NEW[3 * b + i], 0) / SAMPLES,
    );
    const mean = changes.reduce((a, b) => a + b) / BATCH;
    const deviation = Math.sqrt(changes.reduce((sum, x) => sum + (x - mean) ** 2, 0) / BATCH);
    const scale = 0.05 / Math.max(deviation, 0.05);
    changes.forEach((change, b) => {
      const ratio = Math.exp(scale * (change - mean));
      assert.ok(Math.abs(ratios[b] - ratio) <= 1e-5);
      const expected = (ADVANTAGES[b] * ratio * scale) / (BATCH * SAMPLES);
      for (const i of [0, 1, 2]) assert.ok(Math.abs(slope[3 * b + i] - expected) <= 1e-6);
    });
  });

  it('is finite and has a slope where nothing has changed yet, whatever the ratio', async () => {
    for (const ratio of ['pair', 'mean', 'standardised', 'none'] as const) {
      const { loss, ratios, slope } = await run({ ratio }, OLD);
      assert.ok(Number.isFinite(loss));
      assert.ok(ratios.every((value) => value === 1));
      assert.ok(slope.every((value) => Number.isFinite(value) && value !== 0));
    }
  });

  it('clamps a log ratio and lets its gradient pass', async () => {
    const far = NEW.map((value, i) => (i === 0 ? value - 9 : i === 3 ? value + 9 : value));
    const { ratios, slope } = await run({ clipping: false }, far);
    assert.ok(Math.abs(ratios[0] / Math.exp(5) - 1) <= 1e-5);
    assert.ok(Math.abs(ratios[3] / Math.exp(-5) - 1) <= 1e-5);
    assert.ok(Math.abs(slope[0] / ((ADVANTAGES[0] * Math.exp(5)) / 12) - 1) <= 1e-5);
    assert.ok(slope[3] !== 0);
  });

  it('rewards no ratio beyond the clip, and pulls back what left it the wrong way', async () => {
    const { slope } = await run({}, OLD.map((value, i) => value + (i % 3 === 0 ? -1 : i % 3 === 1 ? 1 : 0))); // prettier-ignore
    ADVANTAGES.forEach((advantage, b) => {
      const [risen, fallen] = [slope[3 * b], slope[3 * b + 1]];
      if (advantage > 0) assert.ok(risen === 0 && fallen > 0);
      else assert.ok(risen < 0 && fallen === 0);
    });
  });
});
