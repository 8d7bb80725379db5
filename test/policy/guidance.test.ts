import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { prefixWeights } from '../../src/policy/joining.ts';
import { integrationTensor } from '../../src/policy/integrationTensor.ts';
import { sampleGraph } from '../../src/policy/families/pi0/graphs.ts';
import { inputWeights } from '../../src/policy/paligemma/weights.ts';
import { runGraph } from '../onnx/run.ts';
import { TINY_PI05, chunkOf, chunks, liveWeights, prefixFeeds, samples } from './pi05.ts';
import { referenceModel } from './reference.ts';

const STEPS = 4;
const MOST = 5;
const STEP = 1e-4;

const feedsOf = (weights: ReturnType<typeof liveWeights>) => ({
  ...Object.fromEntries(
    [...weights].map(([name, { shape, data }]) => [name, new Tensor('float32', data, shape)]),
  ),
  ...prefixFeeds(),
  integration: integrationTensor({ steps: STEPS, solver: 'euler' }),
});

it('exact guidance is real-time chunking’s formula, its Jacobian by differences in float64', async () => {
  const { horizon, actionDim } = TINY_PI05;
  const weights = liveWeights();
  const model = referenceModel(TINY_PI05, (name) => weights.get(name)!.data);
  const [noise, previous] = [chunks(1), chunks(2)];
  const rows = prefixWeights({ delay: 1, end: 4, rows: horizon });

  const { actions } = await runGraph(
    sampleGraph(TINY_PI05, inputWeights, 'bytes', { masked: true, joins: 'exact' }),
    {
      ...feedsOf(weights),
      noise,
      previous,
      prefix_weights: new Tensor('float32', Float32Array.of(...rows, ...rows), [2, horizon, 1]),
    },
  );

  samples.forEach((sample, i) => {
    const cache = model.prefix(sample);
    const goal = model.rowsOf(chunkOf(previous, i)).flat();
    const at = (x: number[], t: number) => model.velocity(model.rowsOf(x), t, cache, sample.state).flat(); // prettier-ignore
    let x = Array.from(chunkOf(noise, i));
    for (let step = 0; step < STEPS; step++) {
      const t = 1 - step / STEPS;
      const velocity = at(x, t);
      const endOf = (from: number[]) => at(from, t).map((v, j) => from[j] - t * v);
      const end = endOf(x);
      const error = end.map((value, j) => rows[Math.floor(j / actionDim)] * (goal[j] - value));
      const along = (from: number[]) => endOf(from).reduce((sum, v, j) => sum + v * error[j], 0);
      const moved = (j: number, by: number) => x.map((value, k) => (k === j ? value + by : value));
      const pulled = x.map((_, j) => (along(moved(j, STEP)) - along(moved(j, -STEP))) / (2 * STEP));
      const factor = Math.min(((1 - t) ** 2 + t ** 2) / ((1 - t) * t), MOST, STEPS);
      x = x.map((value, j) => value - (velocity[j] - factor * pulled[j]) / STEPS);
    }
    const got = chunkOf(actions, i);
    x.forEach((value, j) =>
      assert.ok(Math.abs(value - got[j]) < 5e-5, `${got[j]} instead of ${value}`),
    );
  });
});

it('a policy that was trained for it keeps rows under way at the flow’s end, the others at their time', async () => {
  const { horizon } = TINY_PI05;
  const KEPT = 2;
  const weights = liveWeights();
  const model = referenceModel(TINY_PI05, (name) => weights.get(name)!.data);
  const [noise, previous] = [chunks(1), chunks(2)];
  const kept = Float32Array.from({ length: horizon }, (_, row) => Number(row < KEPT));

  const { actions } = await runGraph(
    sampleGraph(TINY_PI05, inputWeights, 'bytes', { masked: true, joins: 'trained' }),
    {
      ...feedsOf(weights),
      noise,
      previous,
      prefix_weights: new Tensor('float32', Float32Array.of(...kept, ...kept), [2, horizon, 1]),
    },
  );

  samples.forEach((sample, i) => {
    const cache = model.prefix(sample);
    const goal = model.rowsOf(chunkOf(previous, i));
    let x = model.rowsOf(chunkOf(noise, i)).map((row, r) => (r < KEPT ? goal[r] : row));
    for (let step = 0; step < STEPS; step++) {
      const times = x.map((_, r) => (r < KEPT ? 0 : 1 - step / STEPS));
      const v = model.velocity(x, times, cache, sample.state);
      x = x.map((row, r) => (r < KEPT ? row : row.map((value, d) => value - v[r][d] / STEPS)));
    }
    const got = model.rowsOf(chunkOf(actions, i));
    x.forEach(
      (row, r) =>
      row.forEach((value, d) => assert.ok(Math.abs(value - got[r][d]) < 5e-5, `${got[r][d]} instead of ${value}`)), // prettier-ignore
    );
  });
});
