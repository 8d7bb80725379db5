import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { JointState } from '../../src/robot/robot.ts';
import { jointsByArm } from '../../src/topics/joints.ts';
import { stampOf } from '../../src/episodes/rosTime.ts';
import { jointState } from '../../src/topics/messages.ts';
import { rosRobot } from '../../src/ros/rosRobot.ts';
import { createSynchroniser } from '../../src/control/synchroniser.ts';
import { checkTopics } from '../../src/ros/topics.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { assertSaid, assertSaidIn, assertThrowsAbout } from '../refusals.ts';
import { fakeNode } from './fakeNode.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const calibration = await loadCalibration(SIM_CALIBRATION);
const SECOND = 1_000_000_000n;
const RIGHT = '/follower_right/joint_states';
const unreachable = (topic: string, ...names: string[]) =>
  ({ kind: 'unreachable', fields: [topic], names: [topic, ...names] }) as const;

/** A robot over a node without ROS, and what it has sensed. */
function sensing({ simTime = false } = {}) {
  const fake = fakeNode({ simTime });
  const { ros, node } = fake;
  const output = 'trajectory';
  const robot = rosRobot({ ros, node, calibration, cameras: [], output, dryRun: true });
  const states: JointState[] = [];
  robot.observe({ joints: (state) => states.push(state), frame: () => undefined });
  const report = (arm: number, stamp: bigint) => {
    const group = jointsByArm(calibration)[arm];
    const names = group.joints.map(({ joint }) => joint.joint);
    fake.send(`/${group.arm.namespace}/joint_states`, jointState(stamp, names, names.map(() => 0))); // prettier-ignore
  };
  return { ...fake, robot, states, report };
}

describe("a robot's topics", () => {
  it('name an arm whose clock is ahead, beside the guard that may not use its states', async () => {
    const { robot, states, report, node } = sensing();
    const now = () => robot.clock.now();
    report(0, now());
    report(1, now() + 5n * SECOND);
    const [left, right] = robot.topics;
    assert.equal(left.problem, undefined);
    assert.equal(right.stamp, undefined, 'nothing usable has come');
    assertSaid(right.problem!, RIGHT, '5.0 s ahead');
    assertThrowsAbout(() => checkTopics(node, robot), unreachable(RIGHT, '5.0 s ahead'));
    const names = robot.embodiment.joints.map(({ name }) => name);
    const synchroniser = createSynchroniser(names, robot.clock);
    synchroniser.joints(states[0]);
    const taken = synchroniser.take([], '', now());
    // On a busy machine the other arm may be too old by now, too.
    const faults = 'missing' in taken ? taken.missing.map(({ fault }) => fault) : [];
    assertSaidIn(faults.join('\n'), '5.0 s ahead');
    report(1, now());
    assert.equal(right.problem, undefined, 'the arm is heard when its clock is right again');
    assert.doesNotThrow(() => checkTopics(node, robot));
    await robot.close();
  });

  it('tell joint states without a stamp from a driver that is silent', async () => {
    const { robot, report, node } = sensing();
    report(0, 0n);
    report(1, 0n);
    assertThrowsAbout(() => checkTopics(node, robot), unreachable(RIGHT, 'without a stamp'));
    await robot.close();
  });

  it('say where one side has simulated time', async () => {
    const { robot, report, send } = sensing({ simTime: true });
    send('/clock', { clock: stampOf(10n * SECOND) });
    report(0, 10n * SECOND + 20_000_000n);
    report(1, BigInt(Date.now()) * 1_000_000n);
    const [left, right] = robot.topics;
    assert.equal(left.problem, undefined);
    assertSaid(right.problem!, RIGHT, 'ahead', 'set use_sim_time alike');
    await robot.close();
  });

  it('say that /clock stands, though it repeats its time, and that it goes on again', async () => {
    const { robot, report, send, node } = sensing({ simTime: true });
    const tick = (milliseconds: bigint) => {
      send('/clock', { clock: stampOf(10n * SECOND + milliseconds * 1_000_000n) });
      report(0, robot.clock.now());
      report(1, robot.clock.now());
    };
    tick(0n);
    assert.doesNotThrow(() => checkTopics(node, robot));
    const repeated = setInterval(() => tick(0n), 20);
    await setTimeout(700);
    clearInterval(repeated);
    assertThrowsAbout(() => checkTopics(node, robot), unreachable('/clock', '10.00 s'));
    tick(20n);
    assert.doesNotThrow(() => checkTopics(node, robot));
    await robot.close();
  });
});
