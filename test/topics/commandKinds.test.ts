import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Calibration } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { armsOfKind, channelsOf, possibleChannels } from '../../src/topics/commandKinds.ts';

const so101 = await loadCalibration('calibration/so101.yaml');
const franka = await loadCalibration('calibration/franka.yaml');
const aloha = await loadCalibration('calibration/aloha-2.0.yaml');

const MOMENT = { now: () => 2_500_000_000n, period: 0.05, before: undefined };

/** Every message for positions, as JSON, by topic. */
const messagesOf = (calibration: Calibration, positions: Float64Array, before?: Float64Array) =>
  channelsOf(calibration, 'interbotix').map(({ type, topic, encode }) => {
    const message: unknown = JSON.parse(JSON.stringify(encode(positions, { ...MOMENT, before })));
    return { type, topic, message };
  });

describe('commands by the kinds of a calibration', () => {
  it('are a trajectory of one point to the arm, a period ahead, and the positions of its gripper alone', () => {
    const before = Float64Array.of(0, 0, 0, 0, 0, 0);
    const positions = Float64Array.of(0.25, -0.5, 0.5, 0.125, 0, 1);
    const { closed, open } = so101.arms[0].gripper!;
    assert.deepEqual(messagesOf(so101, positions, before), [
      {
        type: 'trajectory_msgs/msg/JointTrajectory',
        topic: '/arm_controller/joint_trajectory',
        message: {
          header: { stamp: { sec: 2, nanosec: 500_000_000 }, frame_id: '' },
          joint_names: ['shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll'],
          points: [
            {
              positions: [0.25, -0.5, 0.5, 0.125, 0],
              velocities: [5, -10, 10, 2.5, 0],
              accelerations: [],
              effort: [],
              time_from_start: { sec: 0, nanosec: 50_000_000 },
            },
          ],
        },
      },
      {
        type: 'std_msgs/msg/Float64MultiArray',
        topic: '/gripper_controller/commands',
        message: { layout: { dim: [], data_offset: 0 }, data: [closed + (open - closed)] },
      },
    ]);
  });

  it('move both fingers of a gripper with two joints', () => {
    const [, gripper] = messagesOf(franka, Float64Array.of(0, 0, 0, -2, 0, 2, 0, 0.5));
    assert.deepEqual((gripper.message as { data: number[] }).data, [0.02, 0.02]);
  });

  it("leave ALOHA's messages as its drivers take them", () => {
    const positions = Float64Array.from(aloha.joints, ({ home }) => home);
    const { closed, open } = aloha.arms[0].gripper!;
    const cmd = closed + 0.09985 * (open - closed);
    const left = messagesOf(aloha, positions).slice(0, 2);
    assert.deepEqual(left, [
      {
        type: 'interbotix_xs_msgs/msg/JointGroupCommand',
        topic: '/follower_left/commands/joint_group',
        message: { name: 'arm', cmd: [0, -0.96, 1.16, 0, -0.3, 0] },
      },
      {
        type: 'interbotix_xs_msgs/msg/JointSingleCommand',
        topic: '/follower_left/commands/joint_single',
        message: { name: 'gripper', cmd },
      },
    ]);
  });

  it('are read back as they were sent, by every kind and topic that may command the arms', () => {
    for (const calibration of [so101, franka, aloha]) {
      const count = calibration.joints.length;
      const position = fc.double({ min: -1, max: 1, noNaN: true });
      fc.assert(
        fc.property(fc.array(position, { minLength: count, maxLength: count }), (values) => {
          const sent = Float64Array.from(values);
          for (const output of ['interbotix', 'trajectory', 'position'] as const) {
            const read = new Float64Array(count).fill(NaN);
            for (const { encode, decode } of channelsOf(calibration, output))
              decode(encode(sent, MOMENT) as never, read);
            read.forEach((value, i) => assert.ok(Math.abs(value - sent[i]) < 1e-12));
          }
        }),
        { numRuns: 20 },
      );
      const topics = possibleChannels(calibration).map(({ topic }) => topic);
      assert.equal(new Set(topics).size, topics.length);
    }
  });

  it("ask no mode of drivers that are not Interbotix'", () => {
    assert.deepEqual(armsOfKind(so101, 'interbotix', 'interbotix'), []);
    assert.equal(armsOfKind(aloha, 'interbotix', 'interbotix').length, 2);
  });
});
