import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { criticBaseline } from '../../src/learning/policyGradient/criticBaseline.ts';
import {
  type CriticShape,
  criticLossGraph,
  criticParameters,
  criticValuesGraph,
  initialCritics,
} from '../../src/learning/policyGradient/criticGraph.ts';
import {
  type Critics,
  initialCriticState,
  openCritics,
} from '../../src/learning/policyGradient/critics.ts';
import { featuresOf } from '../../src/policy/choice/moment.ts';
import { type CriticsConfig, criticsSchema } from '../../src/learning/policyGradient/config.ts';
import { tensorsIn } from '../../src/learning/train/parameters.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { runGraph } from '../onnx/run.ts';
import type { RolloutChunk } from '../../src/learning/attempts/rollout.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const SHAPE: CriticShape = { count: 3, hidden: [8, 6], features: 4 };
const numbers = ({ data }: Tensor) => data as Float32Array;
const feedsOf = (flat: Float32Array, shape = SHAPE) =>
  Object.fromEntries(tensorsIn(flat, criticParameters(shape)));

describe("the critics' graph", () => {
  const features = new Tensor('float32', gaussianNoise(2, 5 * 4), [5, 4]);
  const targets = new Tensor('float32', Float32Array.of(0, 1, 0.3, 0.9, 0.1), [5]);
  const flat = initialCritics(SHAPE, [1]).map((value, i) => value + 0.1 * Math.sin(i));

  it('estimates with each network as if it were alone', async () => {
    const { values } = await runGraph(criticValuesGraph(SHAPE), { features, ...feedsOf(flat) });
    assert.deepEqual(values.dims, [3, 5]);
    const alone = { ...SHAPE, count: 1 };
    for (let network = 0; network < 3; network++) {
      const own = Object.entries(feedsOf(flat)).map(([name, tensor]) => {
        const size = tensor.data.length / 3;
        const part = numbers(tensor).slice(network * size, (network + 1) * size);
        return [name, new Tensor('float32', part, [1, ...tensor.dims.slice(1)])];
      });
      const one = await runGraph(criticValuesGraph(alone), {
        features,
        ...(Object.fromEntries(own) as Record<string, Tensor>),
      });
      numbers(one.values).forEach((value, i) =>
        assert.ok(Math.abs(value - numbers(values)[5 * network + i]) <= 1e-6),
      );
    }
  });

  it('has the slope that central differences have', async () => {
    const graph = criticLossGraph(SHAPE);
    const run = (values: Float32Array) =>
      runGraph(graph, { features, targets, ...feedsOf(values) });
    const result = await run(flat);
    const slopes = criticParameters(SHAPE).flatMap(({ name }) => [
      ...numbers(result[`gradient.${name}`]),
    ]);
    for (let direction = 0; direction < 3; direction++) {
      const along = gaussianNoise([9, direction], flat.length);
      const step = 1e-2;
      const [up, down] = [
        await run(flat.map((value, i) => value + step * along[i])),
        await run(flat.map((value, i) => value - step * along[i])),
      ];
      const measured = (numbers(up.loss)[0] - numbers(down.loss)[0]) / (2 * step);
      const slope = slopes.reduce((sum, value, i) => sum + value * along[i], 0);
      assert.ok(Math.abs(slope - measured) <= 0.01 * Math.abs(measured) + 1e-5);
    }
  });
});

describe('critics', () => {
  const moments = Array.from({ length: 200 }, (_, i) => gaussianNoise([4, i], 4));
  /** Only the first feature tells. */
  const targets = moments.map(([first]) => (first > 0 ? 0.9 : 0.2));

  const withCritics = async <T>(
    config: Partial<CriticsConfig>,
    body: (critics: Critics) => Promise<T>,
  ): Promise<T> => {
    const whole = criticsSchema.parse({ rate: 1e-2, ...config });
    const shape = { count: whole.count, hidden: [16], features: 4 };
    const critics = await openCritics({
      shape,
      config: whole,
      start: initialCriticState(shape, [1]),
      session: SESSION,
    });
    try {
      return await body(critics);
    } finally {
      await critics.close();
    }
  };
  const passes = async (critics: Critics, count: number) => {
    for (let i = 0; i < count; i++) await critics.train(moments, targets, [3, i]);
  };

  it('learn what their targets say, one or five', async () => {
    for (const count of [1, 5])
      await withCritics({ count }, async (critics) => {
        await passes(critics, 120);
        const values = await critics.values(moments, 'parameters');
        const errors = values.reduce((sum, value, i) => sum + (value - targets[i]) ** 2, 0);
        assert.ok(errors / values.length < 0.04, String(errors / values.length));
      });
  });

  it('are the more careful the more of them there are', async () => {
    const meanOf = (count: number) =>
      withCritics({ count }, async (critics) => {
        await passes(critics, 10);
        const values = await critics.values(moments, 'parameters');
        return values.reduce((a, b) => a + b) / values.length;
      });
    assert.ok((await meanOf(8)) < (await meanOf(1)));
  });

  it('keep targets that follow slowly', () =>
    withCritics({ polyak: 0.9 }, async (critics) => {
      const start = critics.state.training.vectors.parameters.slice();
      await critics.train(moments.slice(0, 100), targets.slice(0, 100), [0]);
      const { parameters, average } = critics.state.training.vectors;
      average.forEach((value, i) =>
        assert.ok(Math.abs(value - (0.9 * start[i] + 0.1 * parameters[i])) <= 1e-6),
      );
    }));

  it('estimate half before they have seen anything', () =>
    withCritics({}, async (critics) => {
      const values = await critics.values(moments, 'parameters');
      assert.ok(values.every((value) => Math.abs(value - 0.5) < 0.05));
    }));
});

const CHUNK: RolloutChunk = {
  policyVersion: 'v1',
  at: 0,
  integration: { steps: 10, solver: 'euler' },
  cache: new Float32Array(),
  valid: new Uint8Array(),
  pooled: Float32Array.of(0.5),
  state: Float32Array.of(1, 2),
  actions: new Float32Array(18),
  noise: new Float32Array(18),
  mask: new Float32Array(9).fill(1),
  committed: Float32Array.of(7, 8),
  delay: 3,
  elapsed: 40,
  steps: 2,
};

describe('what critics see', () => {
  it('is the observation of a chunk: pooled images, state, committed row, delay and elapsed steps', () => {
    assert.deepEqual([...featuresOf(CHUNK)], [0.5, 1, 2, 7, 8, 3, 40]);
  });
});

describe('what critics tell of an update', () => {
  const settings = criticsSchema.parse({ rate: 1e-2, epochs: 20 });
  const config = { seed: 1, gamma: 1, lambda: 0.95, advantageFloor: 0.1, critics: settings };
  /** Attempts of one chunk, then two, and so on; those with an odd number of chunks succeed. */
  const attempts = Array.from({ length: 11 }, (_, i) => ({
    id: String(i),
    reward: (i + 1) % 2,
    chunks: Array.from({ length: i + 1 }, (_, j) => ({ ...CHUNK, at: 0.5 * j, pooled: Float32Array.of((i + 1) % 2) })), // prettier-ignore
  }));

  it('has the values along its last failures and successes, as they were before it', async () => {
    const shape = { count: settings.count, hidden: [16], features: featuresOf(CHUNK).length };
    const start = initialCriticState(shape, [1]);
    const critics = await openCritics({ shape, config: settings, start, session: SESSION });
    try {
      const baseline = criticBaseline(critics, config);
      const learn = async (update: number) => {
        const { attempts: told } = (await (await baseline.assess(attempts)).learn(update))!;
        assert.deepEqual(told!.map(({ times }) => times.length), [4, 6, 8, 10, 5, 7, 9, 11]); // prettier-ignore
        assert.deepEqual(told![0].times, [0, 0.5, 1, 1.5]);
        return told!;
      };
      for (const { values } of await learn(0))
        for (const value of values) assert.ok(Math.abs(value - 0.5) < 0.05);
      for (const { succeeded, values, times } of await learn(1)) {
        assert.equal(values.length, times.length);
        for (const value of values) assert.ok(succeeded ? value > 0.6 : value < 0.4);
      }
    } finally {
      await critics.close();
    }
  });
});
