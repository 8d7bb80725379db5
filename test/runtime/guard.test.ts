import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NON_FINITE_HOLDS, describeEvent, guard } from '../../src/runtime/guard.ts';
import type { GuardLimits, GuardState, SensorAge } from '../../src/runtime/guard.ts';

const limits: GuardLimits = {
  joints: ['waist', 'elbow', 'gripper'],
  lower: Float64Array.of(-1, -2, 0),
  upper: Float64Array.of(1, 0.5, 1),
  step: Float64Array.of(0.1, 0.05, 0.2),
};

const at = (...command: number[]): GuardState => ({
  command: Float64Array.from(command),
  nonFinite: 0,
});
const joints = (age: number): SensorAge => ({ kind: 'joints', source: 'joint state', age });
const camera = (age: number): SensorAge => ({ kind: 'camera', source: 'cam_high', age });

const anyNumber = fc.oneof(
  fc.double(),
  fc.double({ min: -3, max: 3, noNaN: true }),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, 1e308, -1e308, Number.MIN_VALUE),
);
const anyVector = fc
  .array(anyNumber, { minLength: 3, maxLength: 3 })
  .map((values) => Float64Array.from(values));
const anyAges = fc.array(
  fc.record({
    kind: fc.constantFrom('joints' as const, 'camera' as const),
    source: fc.string(),
    age: fc.oneof(fc.double(), fc.double({ min: 0, max: 2000, noNaN: true })),
  }),
  { maxLength: 3 },
);

describe('the guard', () => {
  it('lets through what breaks no limit', () => {
    const ruling = guard(limits, at(0, 0, 0.5), Float64Array.of(0.05, -0.05, 0.6), [joints(5)]);
    assert.equal(ruling.verdict, 'pass');
    assert.deepEqual(ruling.command, Float64Array.of(0.05, -0.05, 0.6));
    assert.deepEqual(ruling.events, []);
  });

  it('limits position and velocity, and says of which joint and by how much', () => {
    const ruling = guard(limits, at(0.95, 0, 0.5), Float64Array.of(1.5, -1, 0.5), []);
    assert.equal(ruling.verdict, 'limit');
    assert.deepEqual(ruling.command, Float64Array.of(1, -0.05, 0.5));
    assert.deepEqual(
      ruling.events.map(({ rule, source, amount }) => [rule, source, Number(amount.toFixed(6))]),
      [
        ['position', 'waist', 0.5],
        ['velocity', 'elbow', 0.95],
      ],
    );
    assert.match(describeEvent(ruling.events[1]), /elbow: 0\.950/);
  });

  it('holds on old joint states and frames, and stops on older ones', () => {
    const cases: [SensorAge, string][] = [
      [joints(100), 'pass'],
      [joints(101), 'hold'],
      [joints(501), 'stop'],
      [joints(NaN), 'stop'],
      [camera(250), 'pass'],
      [camera(251), 'hold'],
      [camera(1001), 'stop'],
    ];
    for (const [age, verdict] of cases) {
      const ruling = guard(limits, at(0, 0, 0), Float64Array.of(0.1, 0, 0), [age]);
      assert.equal(ruling.verdict, verdict, `${age.kind} ${age.age}`);
      if (verdict !== 'pass') assert.deepEqual(ruling.command, Float64Array.of(0, 0, 0));
    }
  });

  it('holds on non-finite desires and stops when they last', () => {
    let state = at(0.2, 0, 0);
    const verdicts = [];
    for (let step = 0; step <= NON_FINITE_HOLDS; step++) {
      const ruling = guard(limits, state, Float64Array.of(0, NaN, 0), []);
      verdicts.push(ruling.verdict);
      assert.deepEqual(ruling.command, Float64Array.of(0.2, 0, 0));
      state = ruling.next;
    }
    assert.deepEqual(verdicts, [...Array<string>(NON_FINITE_HOLDS).fill('hold'), 'stop']);
    const ruling = guard(limits, { ...state, nonFinite: 3 }, Float64Array.of(0.2, 0, 0), []);
    assert.equal(ruling.next.nonFinite, 0);
  });

  it('sends nothing when no safe command is known', () => {
    const ruling = guard(limits, at(0, NaN, 0), Float64Array.of(0, 0, 0), []);
    assert.equal(ruling.command, null);
    assert.equal(ruling.verdict, 'stop');
  });

  it('never breaks a limit and never sends what is not finite, whatever comes in', () => {
    fc.assert(
      fc.property(
        anyVector,
        fc.option(anyVector),
        anyAges,
        fc.nat(20),
        (command, desired, ages, nonFinite) => {
          const ruling = guard(limits, { command, nonFinite }, desired, ages);
          if (ruling.command === null) return ruling.verdict === 'stop';
          return ruling.command.every((value, joint) => {
            const lower = limits.lower[joint];
            const upper = limits.upper[joint];
            const from = Math.min(Math.max(command[joint], lower), upper);
            return (
              Number.isFinite(value) &&
              value >= lower &&
              value <= upper &&
              Math.abs(value - from) <= limits.step[joint] + 1e-12
            );
          });
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('never breaks a velocity limit from one command to the next', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyVector, anyAges), { maxLength: 20 }), (steps) => {
        let state = at(0, 0, 0.5);
        for (const [desired, ages] of steps) {
          const before = state.command;
          const ruling = guard(limits, state, desired, ages);
          ruling.command!.forEach((value, joint) =>
            assert.ok(Math.abs(value - before[joint]) <= limits.step[joint] + 1e-12),
          );
          state = ruling.next;
        }
      }),
    );
  });
});
