import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Exploration,
  deviationsOf,
  explorationAfter,
  explorationNoise,
  explorationSchema,
  exploredSteps,
} from '../../src/policy/exploration.ts';

const SHAPE = {
  integration: { steps: 10, solver: 'euler' as const },
  horizon: 50,
  actionDim: 14,
};
const ROWS = SHAPE.horizon * SHAPE.actionDim;
const DEFAULT = explorationSchema.parse({});

describe('exploration', () => {
  it('is spread over the flow’s steps, the last always among them', () => {
    assert.deepEqual(exploredSteps(10, 1), [9]);
    assert.deepEqual(exploredSteps(10, 4), [2, 4, 7, 9]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        (steps, wanted) => {
          const chosen = exploredSteps(steps, wanted);
          assert.equal(new Set(chosen).size, Math.min(steps, wanted));
          assert.equal(chosen.at(-1), steps - 1);
          assert.ok(chosen.every((step) => step >= 0 && step < steps));
        },
      ),
    );
  });

  it('has its size in every row, and its correlation between rows', () => {
    const exploration: Exploration = {
      size: 0.1,
      correlation: 0.8,
      persistence: 0,
      steps: 1,
      view: 0,
      offset: 0,
      range: 1,
      initialNoise: 1,
      temperature: 1,
    };
    let [first, last, product, count] = [0, 0, 0, 0];
    for (let seed = 0; seed < 400; seed++) {
      const noise = explorationNoise(exploration, { seed, attempt: 1 }, SHAPE).subarray(9 * ROWS);
      for (let dim = 0; dim < SHAPE.actionDim; dim++) {
        const row = (index: number) => noise[index * SHAPE.actionDim + dim];
        first += row(0) ** 2;
        last += row(49) ** 2;
        product += row(30) * row(31);
        count += 1;
      }
    }
    const close = (value: number, wanted: number) =>
      assert.ok(Math.abs(value / wanted - 1) < 0.08, `${value} is not ${wanted}`);
    close(first / count, 0.01);
    close(last / count, 0.01);
    close(product / count, 0.008);
  });

  it('goes to another size in a straight line, and stays there', () => {
    const scheduled = { ...DEFAULT, size: 0.03, later: { size: 0.01, attempts: 100 } };
    const sizes = [0, 50, 100, 900].map((made) => explorationAfter(scheduled, made).size);
    assert.deepEqual(sizes.map((size) => size.toFixed(4)), ['0.0300', '0.0200', '0.0100', '0.0100']); // prettier-ignore
    assert.equal(explorationAfter(DEFAULT, 900).size, DEFAULT.size);
    const narrowing = { ...DEFAULT, view: 0.03, later: { view: 0.01, attempts: 100 } };
    const { size, view } = explorationAfter(narrowing, 50);
    assert.deepEqual([size, view], [DEFAULT.size, 0.02]);
  });

  it('shares what persists between the chunks of an attempt, constant along them', () => {
    const all: Exploration = { ...DEFAULT, persistence: 1 };
    const last = (seed: number, attempt: number) =>
      explorationNoise(all, { seed, attempt }, SHAPE).subarray(9 * ROWS);
    assert.deepEqual(last(1, 7), last(2, 7));
    assert.notDeepEqual(last(1, 7), last(1, 8));
    assert.deepEqual(last(1, 7).slice(0, 14), last(1, 7).slice(-14));
  });

  it('of offset and view has many sizes until the best place is known, and then goes no farther', () => {
    const wide = { ...DEFAULT, range: 10 };
    const sizes = Array.from({ length: 2000 }, (_, attempt) => {
      const deviations = deviationsOf(0.02, wide, attempt, 3);
      assert.deepEqual(deviations, new Array(3).fill(deviations[0]));
      return deviations[0];
    }).sort((a, b) => a - b);
    assert.ok(sizes[0] >= 0.002 && sizes.at(-1)! <= 0.02);
    // Log-uniform: half of the sizes lie below the geometric middle.
    assert.ok(Math.abs(sizes[1000] / (0.02 / Math.sqrt(10)) - 1) < 0.1, `${sizes[1000]}`);
    assert.deepEqual(deviationsOf(0.02, DEFAULT, 4, 2), [0.02, 0.02]);
    assert.deepEqual(deviationsOf(0.5, wide, 4, 2, Float32Array.of(0.25, 1)), [0.25, 0.5]);
  });

  it('is the same for the same seed, and nothing where its size is zero', () => {
    const noise = (seed: number) => explorationNoise(DEFAULT, { seed, attempt: 1 }, SHAPE);
    assert.deepEqual(noise(3), noise(3));
    assert.notDeepEqual(noise(3), noise(4));
    assert.ok(
      explorationNoise({ ...DEFAULT, size: 0 }, { seed: 3, attempt: 1 }, SHAPE).every(
        (value) => value === 0,
      ),
    );
  });
});
