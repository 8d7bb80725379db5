import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NON_FINITE_HOLDS, atRest, guard, mayRest } from '../../src/guard/guard.ts';
import type { GuardLimits, GuardState } from '../../src/guard/guard.ts';
import { describeEvent } from '../../src/guard/guardEvents.ts';
import type { GuardRule, SensorAge } from '../../src/guard/guardEvents.ts';
import { uniform } from '../../src/sim/random.ts';

const limits: GuardLimits = {
  joints: ['waist', 'elbow', 'gripper'],
  lower: Float64Array.of(-1, -2, 0),
  upper: Float64Array.of(1, 0.5, 1),
  step: Float64Array.of(0.1, 0.05, 0.2),
  change: Float64Array.of(0.1, 0.05, 0.2),
};

const at = (...command: number[]) => atRest(Float64Array.from(command));
const aged =
  (kind: SensorAge['kind'], source: string) =>
  (age: number): SensorAge => ({ kind, source, age });
const joints = aged('joints', 'joint state');
const camera = aged('camera', 'cam_high');
const chunk = aged('chunk', 'chunk');
const heartbeat = aged('heartbeat', '/deadman');

const rounded = (values: Iterable<number>) =>
  Array.from(values, (value) => Number(value.toFixed(9)) + 0);

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
    assert.deepEqual(rounded(ruling.command!), [1, -0.05, 0.5]);
    assert.deepEqual(
      ruling.events.map(({ rule, source, amount }) => [rule, source, Number(amount.toFixed(6))]),
      [
        ['position', 'waist', 0.5],
        ['velocity', 'elbow', 0.95],
      ],
    );
    assert.match(describeEvent(ruling.events[1]), /elbow: 0\.950/);
  });

  it('lets a move grow and shrink by no more than the acceleration limit, and says so', () => {
    const slow = { ...limits, change: Float64Array.of(0.03, 0.03, 0.03) };
    let state = at(0, 0, 0.5);
    const moves = [];
    for (let step = 0; step < 8; step++) {
      const ruling = guard(slow, state, Float64Array.of(0.28, 0, 0.5), []);
      moves.push(ruling.next.move[0]);
      state = ruling.next;
      if (step > 0) continue;
      assert.deepEqual(
        ruling.events.map(({ rule, source }) => [rule, source]),
        [
          ['velocity', 'waist'],
          ['acceleration', 'waist'],
        ],
      );
      assert.match(
        describeEvent(ruling.events[1]),
        /^waist: its step was changed by 0\.070, to keep to its acc/,
      );
    }
    assert.deepEqual(
      rounded(moves),
      [0.03, 0.06, 0.09, 0.063333333, 0.033333333, 0.003333333, 0, 0],
    );
    assert.ok(Math.abs(state.command[0] - 0.28) < 1e-9, 'it arrives without going past');
  });

  it('brakes before a position limit that it could not stop at', () => {
    const slow = { ...limits, change: Float64Array.of(0.01, 0.01, 0.01) };
    let state = at(0, 0, 0.5);
    for (let step = 0; step < 60; step++) {
      const far = Float64Array.of(state.command[0] + 0.1, 0, 0.5);
      state = guard(slow, state, far, []).next;
      assert.ok(state.command[0] <= 1);
    }
    assert.ok(state.command[0] > 1 - 1e-9, 'it reaches the limit all the same');
  });

  it('holds on what is old, and stops on what is older', () => {
    const cases: [SensorAge, string][] = [
      [joints(100), 'pass'],
      [joints(101), 'hold'],
      [joints(501), 'stop'],
      [joints(NaN), 'stop'],
      [camera(250), 'pass'],
      [camera(251), 'hold'],
      [camera(1001), 'stop'],
      [chunk(1500), 'pass'],
      [chunk(1501), 'hold'],
      [chunk(3001), 'stop'],
      [heartbeat(250), 'pass'],
      [heartbeat(251), 'hold'],
      [heartbeat(1001), 'stop'],
      [heartbeat(Infinity), 'stop'],
    ];
    for (const [age, verdict] of cases) {
      const ruling = guard(limits, at(0, 0, 0), Float64Array.of(0.1, 0, 0), [age]);
      assert.equal(ruling.verdict, verdict, `${age.kind} ${age.age}`);
      if (verdict !== 'pass') assert.deepEqual(ruling.command, Float64Array.of(0, 0, 0));
    }
  });

  it('holds by braking to rest within the acceleration limit', () => {
    const slow = { ...limits, change: Float64Array.of(0.03, 0.03, 0.03) };
    let state: GuardState = { ...at(0, 0, 0.5), move: Float64Array.of(0.1, -0.05, 0) };
    const moves = [];
    const resting = [];
    for (let step = 0; step < 5; step++) {
      resting.push(mayRest(slow, state));
      const ruling = guard(slow, state, Float64Array.of(1, 1, 1), [joints(200)]);
      assert.equal(ruling.verdict, 'hold');
      state = ruling.next;
      moves.push(rounded(state.move));
    }
    assert.deepEqual(moves, [
      [0.07, -0.02, 0],
      [0.04, 0, 0],
      [0.01, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    assert.deepEqual(resting, [false, false, false, true, true]);
  });

  it('does the most severe of what its rules say', () => {
    const wild = Float64Array.of(9, 0, 0);
    const verdict = (...ages: SensorAge[]) => guard(limits, at(0, 0, 0), wild, ages).verdict;
    assert.equal(verdict(), 'limit');
    assert.equal(verdict(camera(300)), 'hold');
    assert.equal(verdict(camera(300), joints(600), chunk(1600)), 'stop');
    assert.equal(verdict(joints(600), camera(300)), 'stop');
  });

  it('has words for every rule, with the source and the amount', () => {
    const rules: [GuardRule, RegExp][] = [
      ['position', /^left: 0\.123 beyond its position limit/],
      ['velocity', /^left: 0\.123 a step beyond its velocity/],
      ['acceleration', /^left: its step was changed by 0\.123, to keep to its acceleration/],
      ['workspace', /^left: its gripper would come 123\.0 mm outside/],
      ['distance', /^left: would come 123\.0 mm nearer/],
      ['nonFinite', /^left: the policy's action is not a finite number/],
      ['jointsOld', /0 ms old/],
      ['cameraOld', /^camera left: .*0 ms old/],
      ['chunkOld', /observation 0 ms ago/],
      ['heartbeat', /^no heartbeat on left for 0 ms/],
    ];
    for (const [rule, words] of rules)
      assert.match(describeEvent({ rule, action: 'limit', source: 'left', amount: 0.123 }), words);
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
});

const JOINTS = 3;
const TICKS = 2000;
/** Of positions of a few rad that are added up. */
const ROUNDING = 1e-12;

/** Limits of a joint: rad, rad a step, rad a step². */
const anyJoint = fc
  .record({
    lower: fc.double({ min: -3, max: 0, noNaN: true }),
    span: fc.double({ min: 0.01, max: 6, noNaN: true }),
    step: fc.double({ min: 0.001, max: 0.5, noNaN: true }),
    /** Steps from rest to full speed. */
    steps: fc.double({ min: 0.3, max: 60, noNaN: true }),
    /** Where it stands, as a share of its range. */
    start: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ lower, span, step, steps, start }) => {
    const upper = lower + span;
    const position = Math.min(lower + start * span, upper);
    return { lower, upper, step, change: step / steps, position };
  });
type AnyJoint = typeof anyJoint extends fc.Arbitrary<infer T> ? T : never;
const anyRobot = fc.array(anyJoint, { minLength: JOINTS, maxLength: JOINTS });

const limitsOf = (robot: AnyJoint[]): GuardLimits => ({
  joints: robot.map((_, joint) => `joint ${joint}`),
  lower: Float64Array.from(robot, ({ lower }) => lower),
  upper: Float64Array.from(robot, ({ upper }) => upper),
  step: Float64Array.from(robot, ({ step }) => step),
  change: Float64Array.from(robot, ({ change }) => change),
});
const startOf = (robot: AnyJoint[]) => atRest(Float64Array.from(robot, ({ position }) => position));

const NASTY = [NaN, Infinity, -Infinity, 1e308, -1e308, Number.MIN_VALUE, -0];

/** Desired rows of a policy that jumps, drifts, trembles, sits on the limits, is silent, or is out of its mind. */
function rowsOf(seed: number, robot: AnyJoint[]) {
  const random = uniform(seed);
  const row = Float64Array.from(robot, ({ position }) => position);
  const drift = new Float64Array(JOINTS);
  const manners: ((joint: AnyJoint, at: number, index: number) => number)[] = [
    ({ lower, upper }) => lower - 1 + random() * (upper - lower + 2),
    ({ step }, at, index) => at + (drift[index] += (random() - 0.5) * step),
    ({ step, change }, at) => at + (random() - 0.5) * (step + change),
    ({ lower, upper }) => (random() < 0.5 ? lower : upper),
    (_, at) => at,
    (_, at) => (random() < 0.1 ? NASTY[Math.floor(random() * NASTY.length)] : at),
  ];
  let manner = manners[0];
  return (): Float64Array | null => {
    if (random() < 0.05) {
      manner = manners[Math.floor(random() * manners.length)];
      drift.fill(0);
    }
    const wanted = row.map((at, joint) => manner(robot[joint], at, joint));
    wanted.forEach((at, joint) => {
      if (Math.abs(at) < 10) row[joint] = at;
    });
    return random() < 0.02 ? null : wanted;
  };
}

/** Ages that are mostly young. */
function agesOf(seed: number) {
  const random = uniform(seed);
  const kinds = [joints, camera, chunk, heartbeat];
  const old = [0, 150, 300, 700, 2000, 5000, NaN, Infinity];
  return () =>
    random() < 0.95
      ? []
      : [kinds[Math.floor(random() * 4)](old[Math.floor(random() * old.length)])];
}

/** Plays a robot through the guard and shows every command with the two before it. */
function play(
  robot: AnyJoint[],
  seed: number,
  ticks: number,
  see: (command: Float64Array, last: Float64Array, before: Float64Array) => void,
): GuardState {
  const limits = limitsOf(robot);
  const rows = rowsOf(seed, robot);
  const ages = agesOf(seed + 1);
  let state = startOf(robot);
  let [before, last] = [state.command, state.command];
  for (let tick = 0; tick < ticks; tick++) {
    const { command, next } = guard(limits, state, rows(), ages());
    see(command!, last, before);
    [before, last] = [last, command!];
    state = next;
  }
  return state;
}

describe('whatever is desired, of whatever robot, a command that leaves', () => {
  it('lies within the limits of position, velocity and acceleration, over two million ticks', () => {
    fc.assert(
      fc.property(anyRobot, fc.nat(), (robot, seed) => {
        play(robot, seed, TICKS, (command, last, before) => {
          for (let joint = 0; joint < JOINTS; joint++) {
            const { lower, upper, step, change } = robot[joint];
            const now = command[joint];
            const move = now - last[joint];
            const ok =
              now >= lower &&
              now <= upper &&
              Math.abs(move) <= step + ROUNDING &&
              Math.abs(move - (last[joint] - before[joint])) <= change + ROUNDING;
            if (!ok) assert.fail(`joint ${joint}: ${before[joint]}, ${last[joint]}, ${now}`);
          }
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('comes to rest when it is held, in no more steps than braking from full speed takes', () => {
    fc.assert(
      fc.property(anyRobot, fc.nat(), fc.nat(200), (robot, seed, ticks) => {
        const limits = limitsOf(robot);
        let state = play(robot, seed, ticks, () => undefined);
        const most = Math.max(...robot.map(({ step, change }) => Math.ceil(step / change)));
        for (let step = 0; step <= most; step++) state = guard(limits, state, null, []).next;
        assert.ok(
          state.move.every((by) => by === 0),
          state.move.join(' '),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is never taken farther outside by a robot that began outside, and comes back inside', () => {
    const beyond = fc.double({ min: 0, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(anyRobot, beyond, (robot, far) => {
        const limits = limitsOf(robot);
        let state = atRest(limits.upper.map((upper) => upper + far));
        const middle = limits.upper.map((upper, joint) => (upper + limits.lower[joint]) / 2);
        const ticks = Math.max(
          ...robot.map(({ step, change, lower, upper }) => {
            return 2 * (step / change) + (upper - lower + far) / step + 2 * Math.sqrt(8 / change);
          }),
        );
        for (let tick = 0; tick < ticks; tick++) {
          const { command, next } = guard(limits, state, middle, []);
          const last = state;
          command!.forEach((now, joint) => {
            const move = now - last.command[joint];
            assert.ok(now <= limits.upper[joint] + far);
            assert.ok(Math.abs(move) <= limits.step[joint] + ROUNDING);
            assert.ok(Math.abs(move - last.move[joint]) <= limits.change[joint] + ROUNDING);
          });
          state = next;
        }
        state.command.forEach((now, joint) => assert.ok(Math.abs(now - middle[joint]) < 1e-9));
      }),
      { numRuns: 300 },
    );
  });

  it('is what was desired, where that breaks no limit', () => {
    fc.assert(
      fc.property(anyRobot, fc.nat(), (robot, seed) => {
        const wide = robot.map((joint) => ({ ...joint, lower: -1e3, upper: 1e3 }));
        const limits = limitsOf(wide);
        const random = uniform(seed);
        let state = startOf(wide);
        const desired = state.command.slice();
        const move = new Float64Array(JOINTS);
        for (let tick = 0; tick < 200; tick++) {
          for (const [joint, { step, change }] of wide.entries()) {
            const by = move[joint] + (random() * 2 - 1) * change;
            move[joint] = Math.min(Math.max(by, -step), step);
            desired[joint] += move[joint];
          }
          const ruling = guard(limits, state, desired, []);
          assert.deepEqual(ruling.events, []);
          ruling.command!.forEach((now, joint) =>
            assert.ok(Math.abs(now - desired[joint]) <= ROUNDING * 1e3),
          );
          state = ruling.next;
        }
      }),
      { numRuns: 300 },
    );
  });
});
