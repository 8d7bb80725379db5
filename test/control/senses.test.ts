import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { approach } from '../../src/control/approach.ts';
import { type AttemptOptions, type AttemptResult, runAttempt } from '../../src/control/attempt.ts';
import { type About, assertAbout, assertRejectsAbout, assertSaid } from '../refusals.ts';
import { type FakeRobot, PERIOD, fakePolicy, fakeRobot, fakeTask, ramp } from './fakeRobot.ts';

const SECOND = 1_000_000_000n;
/** Control step at which what a robot senses goes wrong. */
const FAULT = 12;

/** An attempt of a moving robot that does something at each control step. */
function attemptOf(
  onStep: (step: number, robot: FakeRobot) => void,
  options: Partial<AttemptOptions> = {},
): Promise<{ robot: FakeRobot; result: AttemptResult }> {
  const robot = fakeRobot();
  onStep(-1, robot);
  robot.onStep = onStep;
  const task = fakeTask(robot, 2, 200);
  const policy = fakePolicy(ramp(0.004));
  return runAttempt({ seed: 7, robot, task, policy, ...options }).then((result) => ({
    robot,
    result,
  }));
}

const isAtRest = ({ commands }: FakeRobot) =>
  commands.at(-1)!.every((value, joint) => value === commands.at(-2)![joint]);

/** Stamps of one source, moved or taken away. */
const stamped = (source: string, by: (now: bigint) => bigint) => (robot: FakeRobot) => {
  robot.stampOf = (of, now) => (of === source ? by(now) : now);
};

const FAULTS: [string, (robot: FakeRobot) => void, string, string][] = [
  ['ahead', stamped('joints', (now) => now + 5n * SECOND), 'joint state', '5.0 s ahead'],
  ['zero', stamped('joints', () => 0n), 'joint state', 'without a stamp'],
  ['behind', stamped('joints', (now) => now - 90n * SECOND), 'joint state', '90 s behind'],
  ['ahead, of a camera', stamped('cam_wrist', (now) => now + 5n * SECOND), 'cam_wrist', '5.0 s ahead'], // prettier-ignore
  ['zero, of a camera', stamped('cam_high', () => 0n), 'cam_high', 'without a stamp'],
];

const isOld = (source: string, ms: string): About => ({
  kind: 'guarded',
  fields: [source],
  names: [source, ms],
});
const NOT_FOLLOWING: About = { kind: 'guarded', fields: ['shoulder'], names: ['shoulder'] };
const STANDING: About = { kind: 'invalid', subject: 'clock', names: ['stood'] };

describe('stamps that cannot be used', () => {
  for (const [name, apply, source, fault] of FAULTS) {
    it(`are named before anything moves, and soon: ${name}`, async () => {
      const robot = fakeRobot();
      // Zero and far behind need a clock that has gone on for a while.
      await robot.clock.until(100n * SECOND);
      apply(robot);
      const began = robot.clock.now();
      const task = fakeTask(robot);
      const result = await runAttempt({ seed: 7, robot, task, policy: fakePolicy(ramp(0.004)) });
      assertAbout(result.problem, { kind: 'invalid', fields: [source], names: [source, fault] });
      assert.deepEqual(robot.commands, []);
      assert.ok(robot.clock.now() - began < SECOND);
    });

    it(`end a motion, at rest: ${name}`, async () => {
      const robot = fakeRobot();
      await robot.clock.until(100n * SECOND);
      robot.onStep = (step) => {
        if (step === FAULT) apply(robot);
      };
      const task = fakeTask(robot, 2, 200);
      const result = await runAttempt({ seed: 7, robot, task, policy: fakePolicy(ramp(0.004)) });
      assert.equal(result.outcome, 'discarded');
      assertAbout(result.problem, { kind: 'guarded', fields: [source], names: [source, fault] });
      assert.ok(isAtRest(robot));
      assert.ok(robot.commands.length < FAULT + 60, `${robot.commands.length} steps`);
    });
  }

  it('are named by the approach to a pose', async () => {
    const robot = fakeRobot();
    stamped('joints', (now) => now + 5n * SECOND)(robot);
    await assertRejectsAbout(approach({ robot, pose: Float64Array.of(0.5, 0.5), speed: 1 }), {
      kind: 'invalid',
      fields: ['joint state'],
      names: ['5.0 s ahead'],
    });
    assert.deepEqual(robot.commands, []);
  });

  it('are not those that are a little ahead, and do not hide that nothing comes any more', async () => {
    const { result } = await attemptOf((step, robot) => {
      robot.stampOf = (_, now) => now + SECOND / 5n;
      robot.deaf = step >= FAULT;
    });
    assertAbout(result.problem, isOld('joint state', '520 ms'));
    assert.equal(result.steps, FAULT + 1 + 26);
  });
});

describe('a joint state that is joined of parts', () => {
  it('is as old as its oldest part came, which is named', async () => {
    const { result } = await attemptOf((step, robot) => {
      const now = robot.clock.now();
      robot.parts ??= { left: now, right: now };
      if (step < FAULT) robot.parts.left = now + PERIOD;
      robot.parts.right = now + PERIOD;
    });
    assertAbout(result.problem, isOld('joint state of left', 'ms old'));
    assert.ok(result.steps < FAULT + 30);
  });
});

describe('a clock that stands', () => {
  it('ends a motion at rest, within a second or so of this machine’s time', async () => {
    const stand = (step: number, robot: FakeRobot) => {
      robot.stands = step >= FAULT;
    };
    const { robot, result } = await attemptOf(stand, { awaitChunks: false });
    assert.equal(result.outcome, 'discarded');
    assertAbout(result.problem, STANDING);
    assert.match(result.problem!.message, / 1\.\d\d s /);
    assert.ok(isAtRest(robot));
    assert.ok(robot.commands.length <= FAULT + 5);
  });

  it('is named before anything moves', async () => {
    const robot = fakeRobot();
    robot.stands = true;
    robot.deaf = true;
    const pose = Float64Array.of(0.5, 0.5);
    await assertRejectsAbout(approach({ robot, pose, speed: 1 }), STANDING);
    const task = fakeTask(robot);
    const result = await runAttempt({ seed: 7, robot, task, policy: fakePolicy(ramp(0.004)) });
    assertAbout(result.problem, STANDING);
    assert.deepEqual(robot.commands, []);
  });
});

describe('arms that do not follow what they are commanded', () => {
  /** Measured positions instead of the robot's own, from the fault on. */
  const measured = (at: (step: number, robot: FakeRobot) => number[]) =>
    attemptOf((step, robot) => {
      if (step >= FAULT) robot.lie = at(step, robot);
    });

  it('end the motion at rest within half a second: pushed away', async () => {
    const { robot, result } = await measured((_, robot) => [robot.positions()[0] + 0.5, robot.positions()[1]]); // prettier-ignore
    assert.equal(result.outcome, 'discarded');
    assertAbout(result.problem, NOT_FOLLOWING);
    assert.ok(isAtRest(robot));
    assert.ok(robot.commands.length <= FAULT + 25, `${robot.commands.length}`);
  });

  it('end the motion within a second: torn to and fro by who commands them too', async () => {
    const { result, robot } = await measured((step, robot) => [robot.positions()[0] + (step % 2) * 0.5, robot.positions()[1]]); // prettier-ignore
    assertAbout(result.problem, NOT_FOLLOWING);
    assert.ok(robot.commands.length <= FAULT + 50);
  });

  it('fail the attempt where nothing but the policy can jam them, as in simulation; a clock that stands does not', async () => {
    const push = (step: number, robot: FakeRobot) => {
      if (step >= FAULT) robot.lie = [robot.positions()[0] + 0.5, robot.positions()[1]];
    };
    const { result } = await attemptOf(push, { stopFails: true });
    assert.deepEqual([result.outcome, result.success], ['failure', false]);
    assertAbout(result.problem, NOT_FOLLOWING);
    const stand = (step: number, robot: FakeRobot) => {
      robot.stands = step >= FAULT;
    };
    const stood = await attemptOf(stand, { awaitChunks: false, stopFails: true });
    assert.equal(stood.result.outcome, 'discarded');
  });

  it('may lag, and a hand may stop at what it holds', async () => {
    const late: number[] = [];
    const { result } = await attemptOf((_, robot) => {
      late.push(robot.commands.at(-1)?.[0] ?? 0);
      // Commands of 0.3 s ago, and a hand that does not close.
      robot.lie = [late.at(-15) ?? 0, 1];
    });
    assert.equal(result.problem, null);
    assert.ok(result.guard.every(({ rule }) => rule !== 'deviation'));
  });

  it('end it sooner or later as their calibration says', async () => {
    const pushed = async (deviation: number) => {
      const robot = fakeRobot();
      const joints = robot.embodiment.joints.map((joint) => joint.kind === 'arm' ? { ...joint, deviation } : joint); // prettier-ignore
      robot.onStep = (step) => {
        if (step >= FAULT) robot.lie = [robot.positions()[0] + 0.2, robot.positions()[1]];
      };
      const stiff = { ...robot, embodiment: { ...robot.embodiment, joints } };
      const policy = fakePolicy(ramp(0.004));
      const task = fakeTask(robot, 2, 60);
      return (await runAttempt({ seed: 7, robot: stiff, task, policy })).problem;
    };
    assertAbout(await pushed(0.1), NOT_FOLLOWING);
    assert.equal(await pushed(0.5), null);
  });
});

describe('a dry run', () => {
  it('samples its chunks from a pose outside the limits, with a warning, and expects nobody to follow', async () => {
    const robot = fakeRobot();
    robot.dry = true;
    const task = fakeTask(robot, 2, 20);
    robot.onStep = () => (robot.lie = [-1.5, 0.5]);
    const policy = fakePolicy(ramp(0.004));
    const warnings: string[] = [];
    task.reset = () => {
      robot.lie = [-1.5, 0.5];
      robot.place();
      return Promise.resolve();
    };
    const warn = (text: string) => warnings.push(text);
    const result = await runAttempt({ seed: 7, robot, task, policy, warn });
    assert.equal(result.problem, null);
    assert.equal(result.outcome, 'failure');
    assert.ok(result.chunks > 2);
    assert.equal(warnings.length, 1);
    assertSaid(warnings[0], 'shoulder', '-1.500', 'limits -1 to 1', 'not dry');
  });
});
