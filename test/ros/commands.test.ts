import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { embodimentOf } from '../../src/robot/calibration.ts';
import { fromDriver } from '../../src/robot/driverAngles.ts';
import { type Output, createCommands } from '../../src/ros/commands.ts';
import type { Ros, RosNode } from '../../src/ros/rclnodejs.ts';
import { atRest, guard, guardLimits } from '../../src/guard/guard.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const aloha = await loadCalibration('calibration/aloha-2.0.yaml');
const { joints } = embodimentOf(aloha);

// A ROS 2 that has Interbotix' messages: they are looked for before rclnodejs is asked for them.
const prefix = await mkdtemp(join(tmpdir(), 'nalu-prefix-'));
await mkdir(join(prefix, 'share/interbotix_xs_msgs'), { recursive: true });
process.env.AMENT_PREFIX_PATH = prefix;
after(() => rm(prefix, { recursive: true }));

/** What of ROS 2 commands need, everything published at hand. */
function node() {
  const published: Record<string, unknown>[] = [];
  const ros = {
    QoS: class {},
    QoSOverridingOptions: { withDefaultPolicies: () => ({}) },
  } as unknown as Ros;
  const node = {
    createPublisher: () => ({
      publish: (message: Record<string, unknown>) => published.push(message),
    }),
    getClock: () => ({ now: () => ({ nanoseconds: 0n }) }),
  } as unknown as RosNode;
  return { ros, node, published };
}

/** An arm's angles in what was published of it. */
const anglesIn: Record<Output, (messages: Record<string, unknown>[]) => number[]> = {
  interbotix: ([arm, gripper]) => [...(arm.cmd as number[]), gripper.cmd as number],
  trajectory: ([message]) => [
    ...((message.points as { positions: ArrayLike<number> }[])[0].positions as number[]),
  ],
};

describe('what goes to the drivers', () => {
  for (const [output, angles] of Object.entries(anglesIn) as [Output, typeof anglesIn.trajectory][])
    it(`as ${output} is the guard's command in their units, and nothing more`, () => {
      const { ros, node: own, published } = node();
      const send = createCommands(ros, own, aloha, output);
      const limits = guardLimits(embodimentOf(aloha));
      let state = atRest(Float64Array.from(joints, ({ home }) => home));
      for (let tick = 0; tick < 20; tick++) {
        const { command, next } = guard(limits, state, new Float64Array(14).fill(0.7), []);
        state = next;
        published.length = 0;
        send(command!);
        aloha.arms.forEach((arm, side) => {
          const share = published.length / aloha.arms.length;
          const sent = angles(published.slice(side * share, (side + 1) * share));
          assert.equal(sent.length, 7);
          sent.forEach((angle, i) => {
            const back = fromDriver(arm, aloha.joints[7 * side + i], angle);
            assert.ok(Math.abs(back - command![7 * side + i]) < 1e-12);
          });
        });
      }
    });
});
