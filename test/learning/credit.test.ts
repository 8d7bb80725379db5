import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JointState } from '../../src/robot/robot.ts';
import {
  generalisedAdvantages,
  standardised,
} from '../../src/learning/policyGradient/advantages.ts';
import { uniformOutcome } from '../../src/learning/attempts/outcomes.ts';
import { executedRows, stepsOfChunks } from '../../src/learning/attempts/credit.ts';
import { assertSaid } from '../refusals.ts';

const PERIOD = 20_000_000n;
const HORIZON = 6;
const JOINTS = 2;

const chunk = (executedFrom: number, executedTo: number, held = 0, step = 0) => ({
  observationStamp: BigInt(step) * PERIOD,
  delay: executedFrom,
  executedFrom,
  executedTo,
  held,
  horizon: HORIZON,
  actions: Float32Array.from({ length: HORIZON * JOINTS }, (_, i) => i / 8),
});

/** The command that a row makes, as the guard leaves it. */
const command = (row: number, step = row): JointState => ({
  stamp: BigInt(step) * PERIOD,
  position: Float64Array.of((row * JOINTS) / 8, (row * JOINTS + 1) / 8),
});

const executed = fc
  .tuple(fc.integer({ min: 0, max: HORIZON }), fc.integer({ min: 0, max: HORIZON }))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

const close = (a: number, b: number) =>
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${a}, ${b}`);

describe('rows that earn credit', () => {
  it('are those from the first executed to the last, and no others', () => {
    fc.assert(
      fc.property(executed, ([from, to]) => {
        executedRows(chunk(from, to), []).forEach((counts, row) =>
          assert.equal(counts, Number(row >= from && row < to)),
        );
      }),
    );
  });

  it('are, where some were held, those that were commanded as they are', () => {
    const commands = [command(1), command(1, 2), command(3), command(4)];
    assert.deepEqual([...executedRows(chunk(1, 5, 1), commands)], [0, 1, 0, 1, 1, 0]);
  });

  it('do not depend on what the rows that were not executed say', () => {
    const values = fc.array(fc.constantFrom(0, 0.125, 0.25, 0.5, 9), {
      minLength: HORIZON * JOINTS,
      maxLength: HORIZON * JOINTS,
    });
    const commands = [0, 1, 2, 3, 4, 5].map((row) => command(row));
    fc.assert(
      fc.property(executed, fc.constantFrom(0, 1), values, ([from, to], held, others) => {
        const one = chunk(from, to, held);
        const actions = one.actions.map((value, i) => {
          const row = Math.floor(i / JOINTS);
          return row >= from && row < to ? value : others[i];
        });
        assert.deepEqual(executedRows({ ...one, actions }, commands), executedRows(one, commands));
      }),
    );
  });

  it('are not those that only an earlier chunk commanded', () => {
    const commands = [command(2, 1), command(1, 6), command(3, 8)];
    assert.deepEqual([...executedRows(chunk(1, 4, 1, 5), commands)], [0, 1, 0, 1, 0, 0]);
  });
});

describe('control steps of chunks', () => {
  it('reach from first executed row to first executed row, and to the end of the last', () => {
    const chunks = [chunk(0, 5, 0, 0), chunk(2, 6, 0, 3), chunk(2, 4, 0, 7)];
    assert.deepEqual(stepsOfChunks(chunks, 50), [5, 4, 2]);
  });

  it('are counted from stamps that are late by less than half a step', () => {
    const late = { ...chunk(2, 6, 0, 3), observationStamp: 3n * PERIOD + 6_000_000n };
    assert.deepEqual(stepsOfChunks([chunk(0, 5), late], 50), [5, 4]);
  });

  it('add up to the whole attempt', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(gaps, (steps) => {
        let at = 0;
        const chunks = steps.map((gap) => {
          const one = { ...chunk(0, gap), observationStamp: BigInt(at) * PERIOD };
          at += gap;
          return one;
        });
        assert.deepEqual(stepsOfChunks(chunks, 50), steps);
      }),
    );
  });
});

describe('advantages of chunks', () => {
  const attempt = fc
    .array(
      fc.record({
        steps: fc.integer({ min: 1, max: 50 }),
        value: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { minLength: 1, maxLength: 12 },
    ) // prettier-ignore
    .map((all) => ({
      steps: all.map(({ steps }) => steps),
      values: all.map(({ value }) => value),
    }));
  const rate = fc.double({ min: 0, max: 1, noNaN: true });

  /** Of one attempt that succeeded. */
  const advantagesOf = (
    { steps, values }: { steps: number[]; values: number[] },
    rates: { gamma: number; lambda: number },
    dense?: readonly number[],
  ) =>
    generalisedAdvantages(
      [{ reward: 1, chunks: steps.map((count) => ({ steps: count })) }],
      values,
      rates,
      dense,
    );

  it('are, with λ = 1, the discounted reward less the value', () => {
    fc.assert(
      fc.property(attempt, rate, ({ steps, values }, gamma) => {
        const advantages = advantagesOf({ steps, values }, { gamma, lambda: 1 });
        advantages.forEach((advantage, i) => {
          const left = steps.slice(i).reduce((a, b) => a + b);
          close(advantage + values[i], gamma ** (left - 1));
        });
      }),
    );
  });

  it('are, with λ = 0, what a chunk adds to the value that it began with', () => {
    fc.assert(
      fc.property(attempt, ({ steps, values }) => {
        const rates = { gamma: 0.9, lambda: 0 };
        const advantages = advantagesOf({ steps, values }, rates);
        advantages.forEach((advantage, i) => {
          const next = values[i + 1];
          const earned = next === undefined ? 0.9 ** (steps[i] - 1) : 0.9 ** steps[i] * next;
          close(advantage, earned - values[i]);
        });
      }),
    );
  });

  it('have dense rewards of this chunk and, discounted, of those after it in them', () => {
    fc.assert(
      fc.property(attempt, rate, rate, ({ steps, values }, gamma, lambda) => {
        const dense = values.map((value, i) => value - i / 10);
        const rates = { gamma, lambda };
        const [without, withDense] = [advantagesOf({ steps, values }, rates), advantagesOf({ steps, values }, rates, dense)]; // prettier-ignore
        const ahead = (i: number): number =>
          i === steps.length ? 0 : dense[i] + gamma ** steps[i] * lambda * ahead(i + 1);
        withDense.forEach((advantage, i) => close(advantage - without[i], ahead(i)));
      }),
    );
  });

  it('are zero where the values foretold everything', () => {
    fc.assert(
      fc.property(attempt, rate, ({ steps }, lambda) => {
        const gamma = 0.99;
        const values = steps.map((_, i) => gamma ** (steps.slice(i).reduce((a, b) => a + b) - 1));
        const advantages = advantagesOf({ steps, values }, { gamma, lambda });
        advantages.forEach((advantage) => close(advantage, 0));
      }),
    );
  });

  it('weigh by the steps that were executed: two chunks of one value are one of both lengths', () => {
    const rates = { gamma: 0.97, lambda: 1 };
    const [whole] = advantagesOf({ steps: [30], values: [0.4] }, rates);
    const [first] = advantagesOf({ steps: [12, 18], values: [0.4, 0.9] }, rates);
    close(whole, first);
  });
});

describe('standardised advantages', () => {
  const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), {
    minLength: 1,
    maxLength: 50,
  });

  it('have mean zero and a deviation of at most one, and are finite even alone', () => {
    fc.assert(
      fc.property(values, (all) => {
        const scaled = standardised(all, 0.05);
        const mean = scaled.reduce((a, b) => a + b) / scaled.length;
        const deviation = Math.sqrt(scaled.reduce((sum, x) => sum + (x - mean) ** 2, 0) / scaled.length); // prettier-ignore
        assert.ok(Math.abs(mean) < 1e-9 && deviation <= 1 + 1e-9);
      }),
    );
    assert.deepEqual(standardised([3], 0.05), [0]);
  });

  it('are not blown up where attempts hardly differ', () => {
    const [low, high] = standardised([0.5, 0.501], 0.05);
    assert.ok(Math.abs(low) < 0.02 && Math.abs(high) < 0.02);
  });
});

describe('attempts that tell what does better', () => {
  const attempt = (reward: number, ...rows: number[]) => ({
    reward,
    chunks: [{ mask: Float32Array.from(rows) }],
  });

  it('are those that did not all end alike', () => {
    assert.equal(uniformOutcome([attempt(0, 1), attempt(1, 0, 1)]), undefined);
    assertSaid(uniformOutcome([attempt(0, 1), attempt(0, 1)])!, '2 attempts failed');
    assertSaid(uniformOutcome([attempt(1, 1), attempt(1, 1)])!, '2 attempts succeeded');
    assertSaid(uniformOutcome([attempt(1, 1)])!, 'one attempt succeeded');
  });

  it('have rows that count', () => {
    const held = attempt(1, 0, 0);
    assertSaid(uniformOutcome([attempt(0, 1), attempt(0, 1), held])!, '2 attempts failed');
  });
});
