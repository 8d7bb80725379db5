import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import type { RolloutChunk } from '../../src/learning/attempts/rollout.ts';
import { METHODS } from '../../src/learning/methods.ts';
import { type ReplayConfig, loadReplayConfig } from '../../src/learning/replay/config.ts';
import { tryNoise } from '../../src/learning/replay/noiseTrials.ts';
import {
  type NoiseTrial,
  initialSteering,
  openSteeringLearner,
} from '../../src/learning/replay/steeringLearner.ts';
import {
  type SteeringLossShape,
  steeringLossGraph,
  steeringLossParameters,
} from '../../src/learning/replay/steeringLoss.ts';
import { tensorsIn } from '../../src/learning/train/parameters.ts';
import { featuresOf } from '../../src/policy/choice/moment.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { runGraph, withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { rolloutChunk } from './rolloutChunk.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const { steer: CONFIG } = await loadReplayConfig(undefined, 1);
const SHAPE: SteeringLossShape = { count: 3, hidden: [8, 6], features: 2, actionDim: 3, bound: 1.5 }; // prettier-ignore
/** What a network says of numbers, one at a time. */
function network(
  at: (name: string) => Tensor,
  name: string,
  which: number,
  inputs: readonly number[],
): number[] {
  const layers = SHAPE.hidden.length + 1;
  return Array.from({ length: layers }).reduce<number[]>(
    (x, _, i) => {
      const { dims, data } = at(`${name}.${i}.weight`);
      const [, rows, columns] = dims;
      const bias = at(`${name}.${i}.bias`).data as Float32Array;
      const y = Array.from({ length: columns }, (_, column) =>
        x.reduce(
          (sum, value, row) =>
            sum + value * (data as Float32Array)[(which * rows + row) * columns + column],
          bias[which * columns + column],
        ),
      );
      if (i + 1 === layers) return y;
      const mean = y.reduce((sum, value) => sum + value, 0) / columns;
      const variance = y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / columns;
      const normed = y.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
      return normed.map((value) => value / (1 + Math.exp(-value)));
    },
    [...inputs],
  );
}

const SCALE = { mean: new Float32Array(2), deviation: new Float32Array(2).fill(1) };

describe('what learns to steer noise', () => {
  it('has the slope that central differences have, where each network moves its own part of the loss', async () => {
    const feeds = {
      features: new Tensor('float32', gaussianNoise(2, 10), [5, 2]),
      rows: new Tensor('float32', gaussianNoise(3, 15), [5, 3]),
      gains: new Tensor('float32', Float32Array.of(0, 1, 0.3, -0.9, 0.1), [5]),
    };
    const parameters = steeringLossParameters(SHAPE);
    const flat = initialSteering(SHAPE, [1]).vectors.parameters.map(
      (value, i) => value + 0.2 * Math.sin(i),
    );
    const run = async (values: Float32Array, price = 0.02) =>
      runGraph(steeringLossGraph(SHAPE, price), {
        ...feeds,
        ...Object.fromEntries(tensorsIn(values, parameters)),
      });
    const result = await run(flat);
    const slopes = parameters.flatMap(({ name }) => [...(result[`gradient.${name}`].data as Float32Array)]); // prettier-ignore
    const from = parameters.flatMap(({ name, shape }) =>
      new Array<boolean>(shape.reduce<number>((product, dim) => product * (dim), 1)).fill(
        name.startsWith('steer.'),
      ),
    ).indexOf(true); // prettier-ignore
    // The loss of the network that steers also depends on the others, which learn nothing from it.
    const expected = async (values: Float32Array, i: number) => {
      const loss = ({ loss: { data } }: Awaited<ReturnType<typeof run>>) =>
        (data as Float32Array)[0];
      if (i >= from) return loss(await run(values));
      const gained = await gainOf(values);
      return loss(await run(values)) + gained;
    };
    const gainOf = async (values: Float32Array) => {
      // What the others estimate at the row that is said, by the numbers of an independent computation.
      const at = (name: string) => tensorsIn(values, parameters).get(name)!;
      const features = feeds.features.data;
      let sum = 0;
      for (let k = 0; k < 5; k++) {
        const x = [features[2 * k], features[2 * k + 1]];
        const row = network(at, 'steer', 0, x).map((u) => SHAPE.bound * Math.tanh(u));
        for (let n = 0; n < SHAPE.count; n++) sum += network(at, 'n', n, [...x, ...row])[0];
      }
      return Promise.resolve(sum / (5 * SHAPE.count));
    };
    for (let i = 0; i < flat.length; i += 29) {
      const loss = (step: number) =>
        expected(flat.map((value, j) => (j === i ? value + step : value)), i); // prettier-ignore
      const slope = ((await loss(0.02)) - (await loss(-0.02))) / 0.04;
      assert.ok(Math.abs(slope - slopes[i]) < 3e-3 + 0.05 * Math.abs(slope), `${i}: ${slope} ≠ ${slopes[i]}`); // prettier-ignore
    }
  });

  it('steers to where noise gains, differently from state to state, and no farther than that is worth', async () => {
    const gainOf = (features: Float32Array, row: Float32Array) =>
      0.05 * Math.tanh(row[0] * Math.sign(features[0]));
    const made = (count: number) =>
      Array.from({ length: count }, (_, i): NoiseTrial => {
        const features = gaussianNoise([5, i], 2);
        const row = gaussianNoise([6, i], 3);
        return { features, row, gain: gainOf(features, row) };
      });
    const trials = made(512);
    const states = Array.from({ length: 100 }, (_, i) => gaussianNoise([7, i], 2));
    const still = states.map(() => new Float32Array(3));
    const learned = async (price: number) => {
      const learner = await openSteeringLearner(
        { ...SHAPE, hidden: [32, 32] },
        { ...CONFIG, price },
        initialSteering({ ...SHAPE, hidden: [32, 32] }, [1]),
        SESSION,
      );
      for (const row of await learner.rows(states, still, SCALE))
        for (const value of row) assert.ok(Math.abs(value) < 0.3, String(value));
      for (let step = 0; step < 300; step++)
        await learner.step(Array.from({ length: 64 }, (_, i) => trials[(64 * step + i) % 512]), SCALE); // prettier-ignore
      const rows = await learner.rows(states, still, SCALE);
      const { parameters, scale, bound } = learner.steering({
        mean: new Float32Array(5).fill(1),
        deviation: new Float32Array(5),
      });
      assert.deepEqual([scale.mean.length, bound], [2, CONFIG.bound]);
      for (const name of parameters.keys()) assert.ok(name.startsWith('steer.'));
      await learner.close();
      return rows;
    };
    const cheap = await learned(1e-3);
    const right = cheap.filter((row, i) => row[0] * states[i][0] > 0.5 * Math.abs(states[i][0]));
    assert.ok(right.length > 85, `${right.length} of 100`);
    for (const row of cheap) for (const value of row) assert.ok(Math.abs(value) <= SHAPE.bound);
    const dear = await learned(1);
    for (const row of dear)
      for (const value of row) assert.ok(Math.abs(value) < 0.3, String(value));
  });

  it('stops where a number is not finite, and keeps what it had', async () => {
    const learner = await openSteeringLearner(SHAPE, CONFIG, initialSteering(SHAPE, [1]), SESSION);
    const trial = { features: new Float32Array(2), row: new Float32Array(3), gain: NaN };
    const before = learner.state.vectors.parameters.slice();
    await assertRejectsAbout(learner.step([trial], SCALE), { kind: 'unready', fields: ['loss'] });
    assert.deepEqual(learner.state.vectors.parameters, before);
    await learner.close();
  });
});

describe('settings of noise that is steered', () => {
  it('are refused where critics are to choose chunks too', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'settings.yaml');
      await writeFile(file, 'choice: { candidates: 4 }\n');
      await assertRejectsAbout(METHODS.steer.configure(file, 1), {
        ...{ kind: 'invalid', subject: file, fields: ['choice'] },
      });
      const { settings } = await METHODS.choice.configure(file, 1);
      assert.equal((settings as ReplayConfig).choice?.candidates, 4);
    }));
});

describe('noise that is tried', () => {
  const settings = { noises: 4, bound: 1.5, spread: 0.5 };
  const source = {
    rows: (features: readonly Float32Array[], explored: readonly Float32Array[]) =>
      Promise.resolve(explored.map((one, i) => one.map((value) => value + features[i][0]))),
    centres: (chunks: readonly RolloutChunk[]) =>
      Promise.resolve(chunks.map(({ noise }) => noise.map((value) => 2 * value))),
    estimates: (chunks: readonly RolloutChunk[]) =>
      Promise.resolve(chunks.map(({ actions, elapsed }) => actions[11] + elapsed)),
  };

  it('gains what its chunk is worth beyond the one of zero noise, state by state', async () => {
    const kept = [rolloutChunk(1), rolloutChunk(2), rolloutChunk(3)];
    const states = await tryNoise(kept, settings, source, [1]);
    assert.equal(states.length, 3);
    states.forEach(({ said, others }, i) => {
      const [{ features }] = others;
      assert.deepEqual(features, featuresOf(kept[i]));
      assert.deepEqual([...said.row], [features[0], features[0], features[0]]);
      // Two around what is said, zero, and two from all of the box.
      assert.equal(others.length, settings.noises + 1);
      for (const { row, gain } of [said, ...others])
        assert.ok(Math.abs(gain - 2 * row[2]) < 1e-4, `${gain} ≠ ${2 * row[2]}`);
      assert.equal(others.filter(({ row }) => row.every((value) => value === 0)).length, 1);
      for (const { row } of others.slice(3)) for (const value of row) assert.ok(Math.abs(value) <= 1.5); // prettier-ignore
    });
    assert.deepEqual(await tryNoise(kept, settings, source, [1]), states);
    assert.deepEqual(await tryNoise([], settings, source, [1]), []);
  });
});
