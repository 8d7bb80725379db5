import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { about, compose, rotate } from '../../src/robot/rotations.ts';
import type { Point, Rotation } from '../../src/robot/rotations.ts';
import { embodimentOf } from '../../src/robot/calibration.ts';
import type { Embodiment } from '../../src/robot/embodiment.ts';
import { atRest, guard, guardLimits } from '../../src/guard/guard.ts';
import type { GuardEvent } from '../../src/guard/guardEvents.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { uniform } from '../../src/sim/random.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const simulated = await loadCalibration(SIM_CALIBRATION);
const box = { lower: [-0.45, 0.3, 0.05], upper: [0.45, 0.7, 0.5] } as const;
const LEAST = 0.1;

const TIGHT = { workspace: { lower: [...box.lower], upper: [...box.upper], enforced: true } };
const APART = { workspace: { ...simulated.workspace!, enforced: false }, leastDistance: LEAST };

/** The simulated ALOHA under rules of space, its joints as sharp as given. */
const aloha = (rules: object, acceleration = 100): Embodiment => {
  const embodiment = embodimentOf({ ...simulated, ...rules });
  return {
    ...embodiment,
    joints: embodiment.joints.map((joint) => ({ ...joint, acceleration })),
  };
};
const home = () => Float64Array.from(simulated.joints, (joint) => joint.home);

/** ViperX-300 as its URDF has it: axis of each joint and the way to the next, m; then the fingers. */
const CHAIN: [keyof typeof about, Point][] = [
  ['z', [0, 0, 0]],
  ['y', [0.05955, 0, 0.3]],
  ['y', [0.3, 0, 0]],
  ['x', [0, 0, 0]],
  ['y', [0.069744, 0, 0]],
  ['x', [0.1467, 0, 0]],
];

/** Base, shoulder, elbow, wrist, gripper link and fingertips, link by link by products of rotations. */
function middleLine(angles: Float64Array, [x, y, z, turn]: readonly number[]): number[][] {
  let at = [x, y, z];
  const points = [at];
  at = [x, y, z + 0.079 + 0.04805];
  points.push(at);
  let rotation: Rotation = about.z(turn);
  CHAIN.forEach(([axis, next], joint) => {
    rotation = compose(rotation, about[axis](angles[joint]));
    const way = rotate(rotation, next);
    at = at.map((value, i) => value + way[i]);
    if (next.some((length) => length !== 0)) points.push(at);
  });
  return points;
}

/** m between two segments, by looking at points along both; too large by what lies between them. */
function sampledDistance(a: number[], b: number[], c: number[], d: number[]): number {
  const STEPS = 12;
  const along = (p: number[], q: number[], share: number) =>
    p.map((value, axis) => value + share * (q[axis] - value));
  const toSegment = (p: number[]) => {
    const way = d.map((value, axis) => value - c[axis]);
    const length = way.reduce((sum, value) => sum + value * value, 0);
    const dot = way.reduce((sum, value, axis) => sum + value * (p[axis] - c[axis]), 0);
    const nearest = along(c, d, Math.min(Math.max(dot / length, 0), 1));
    return Math.hypot(...p.map((value, axis) => value - nearest[axis]));
  };
  return Math.min(
    ...Array.from({ length: STEPS + 1 }, (_, step) => toSegment(along(a, b, step / STEPS))),
  );
}

const linesOf = (command: Float64Array) =>
  simulated.arms.map(({ base }, arm) => middleLine(command.subarray(7 * arm), base));

/** m that the farther of gripper link and fingertips lies outside the box. */
const outside = (line: number[][]) =>
  Math.max(
    ...line
      .slice(4)
      .flatMap((point) =>
        point.map((value, axis) => Math.max(box.lower[axis] - value, value - box.upper[axis])),
      ),
  );

const middle = (a: number[], b: number[]) => a.map((value, axis) => (value + b[axis]) / 2);
const between = (a: number[], b: number[]) =>
  Math.hypot(...a.map((value, axis) => value - b[axis]));

/** m between the arms but for their fingers; where segments are far apart, a lower bound. */
function nearness([left, right]: number[][][]): number {
  let least = Infinity;
  for (let i = 0; i < 5; i++)
    for (let j = 0; j < 5; j++) {
      if (i === 4 && j === 4) continue;
      const [a, b, c, d] = [left[i], left[i + 1], right[j], right[j + 1]];
      const bound = between(middle(a, b), middle(c, d)) - (between(a, b) + between(c, d)) / 2;
      if (bound > LEAST) continue;
      least = Math.min(least, sampledDistance(a, b, c, d), sampledDistance(c, d, a, b));
    }
  return least;
}

/** Both arms stretched out to the middle, where they would meet. */
const STRETCHED = [0, 0.3, 0.2, 0, 0, 0, 0];

/** Rows that jump to random poses, about the start pose or stretched out, and change their mind often. */
function wander(seed: number) {
  const random = uniform(seed);
  let goal = home();
  return (): Float64Array | null => {
    if (random() < 0.05) {
      const stretched = random() < 0.5;
      goal = Float64Array.from(simulated.joints, ({ lower, upper, home }, joint) =>
        stretched
          ? STRETCHED[joint % 7] + random() - 0.5
          : home + (random() - 0.5) * (upper - lower) * 0.7,
      );
    }
    return random() < 0.02 ? null : goal;
  };
}

/** Plays random robots under rules of space; says how often a rule spoke, by its words. */
function everywhere(rules: object, see: (lines: number[][][]) => void): Map<string, number> {
  const told = new Map<string, number>();
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 15, max: 200, noNaN: true }), (seed, sharp) => {
      const robot = aloha(rules, sharp);
      const limits = guardLimits(robot);
      const rows = wander(seed);
      let state = atRest(home());
      for (let tick = 0; tick < 500; tick++) {
        const before = state;
        const { command, events, next } = guard(limits, state, rows(), []);
        state = next;
        see(linesOf(command!));
        robot.joints.forEach(({ lower, upper, velocity, acceleration }, joint) => {
          const now = command![joint];
          const move = now - before.command[joint];
          assert.ok(now >= lower && now <= upper);
          assert.ok(Math.abs(move) * 50 <= velocity + 1e-9);
          assert.ok(Math.abs(move - before.move[joint]) * 2500 <= acceleration + 1e-6);
        });
        for (const { rule, source } of events)
          told.set(`${rule} ${source}`, (told.get(`${rule} ${source}`) ?? 0) + 1);
      }
    }),
    { numRuns: 40 },
  );
  return told;
}

describe('arms in space', () => {
  it('stay in the workspace within their acceleration limits, wherever they are sent', () => {
    const told = everywhere(TIGHT, (lines) =>
      lines.forEach((line) => assert.ok(outside(line) <= 0, `${outside(line)} m outside`)),
    );
    for (const arm of ['left', 'right']) assert.ok(told.get(`workspace ${arm}`)! > 1000);
  });

  it('stay apart within their acceleration limits, wherever they are sent', () => {
    const told = everywhere(APART, (lines) => assert.ok(nearness(lines) >= LEAST));
    assert.ok(told.get('distance left, right')! > 1000);
  });

  /** Sends a command again and again. */
  const insist = (desired: Float64Array, state = atRest(home()), ticks = 200) => {
    const limits = guardLimits(aloha(TIGHT));
    let events: GuardEvent[] = [];
    for (let tick = 0; tick < ticks; tick++) {
      const ruling = guard(limits, state, desired, []);
      state = ruling.next;
      events = ruling.events;
    }
    return { state, events };
  };

  it('come close to a wall, wait before it with the arm that it is for alone, and come away again', () => {
    const goal = home();
    goal[1] += 0.9;
    goal[8 + 3] += 0.2;
    const { state, events } = insist(goal);
    const [left] = linesOf(state.command);
    assert.ok(outside(left) > -0.02, `${outside(left)} m`);
    assert.deepEqual(
      events.filter(({ rule }) => rule === 'workspace').map(({ source }) => source),
      ['left'],
    );
    assert.ok(Math.abs(state.command[11] - goal[11]) < 1e-9, 'the other arm arrives');
    const back = insist(home(), state);
    back.state.command.forEach((at, joint) => assert.ok(Math.abs(at - home()[joint]) < 1e-9));
  });

  it('that begin outside go no farther, and are free once they are back', () => {
    const start = home();
    start[1] += 0.9;
    const begun = outside(linesOf(start)[0]);
    assert.ok(begun > 0.02, `${begun}`);
    const farther = start.slice();
    farther[1] += 0.3;
    const held = insist(farther, atRest(start));
    assert.ok(outside(linesOf(held.state.command)[0]) <= begun + 1e-5);
    const back = insist(home(), held.state);
    back.state.command.forEach((at, joint) => assert.ok(Math.abs(at - home()[joint]) < 1e-9));
    assert.ok(outside(linesOf(insist(farther, back.state).state.command)[0]) <= 0);
  });

  it('may be anywhere where the calibration asks for nothing', () => {
    const free = embodimentOf({
      ...simulated,
      workspace: { ...simulated.workspace!, enforced: false },
      leastDistance: undefined,
    });
    assert.equal(guardLimits(free).space, undefined);
  });
});
