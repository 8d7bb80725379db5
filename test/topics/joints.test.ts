import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CalibratedJoint } from '../../src/robot/calibration.ts';
import { fromDriver, toDriver } from '../../src/robot/driverAngles.ts';
import { createJointMerger } from '../../src/topics/joints.ts';
import { nanosecondsOf, stampOf } from '../../src/episodes/rosTime.ts';
import { jointTrajectory } from '../../src/topics/messages.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { type About, assertThrowsAbout } from '../refusals.ts';

const aloha = await loadCalibration('calibration/aloha-1.0.yaml');
const NAMES =
  'waist shoulder elbow forearm_roll wrist_angle wrist_rotate gripper left_finger right_finger';

const LEFT = '/follower_left/joint_states';
const RIGHT = '/follower_right/joint_states';

const message = (sec: number, position: number[], name = NAMES.split(' ')) => ({
  header: { stamp: { sec, nanosec: 0 } },
  name,
  position,
});
const nine = (first: number) => Array.from({ length: 9 }, (_, i) => first + i / 10);

describe('joint states', () => {
  it("of both arms make the robot's, found by name, as old as the older of them", () => {
    const merger = createJointMerger(aloha);
    assert.equal(merger.take(LEFT, message(5, nine(0))), undefined);
    const reversed = message(3, nine(0).reverse(), NAMES.split(' ').reverse());
    const state = merger.take(RIGHT, reversed)!;
    assert.equal(state.stamp, 3_000_000_000n);
    assert.deepEqual([...state.position.subarray(0, 6)], nine(0).slice(0, 6));
    assert.deepEqual(state.position.subarray(7), state.position.subarray(0, 7));
    const { closed, open } = aloha.arms[0].gripper!;
    assert.ok(Math.abs(state.position[6] - (0.6 - closed) / (open - closed)) < 1e-12);
  });

  it('are refused with topic and joint where they are not what the calibration says', () => {
    const cases: [ReturnType<typeof message>, Pick<About, 'fields' | 'names'>][] = [
      [message(1, nine(0).slice(1), NAMES.split(' ').slice(1)), { fields: ['waist'] }],
      [message(1, nine(0).slice(1)), { names: [9, 8] }],
      [message(1, [0, ...nine(0)], ['elbow', ...NAMES.split(' ')]), { fields: ['elbow'] }],
      [message(1, [], []), { fields: ['waist'], names: ['no names'] }],
    ];
    for (const [state, about] of cases)
      assertThrowsAbout(() => createJointMerger(aloha).take(LEFT, state), {
        ...{ kind: 'invalid', subject: LEFT, ...about },
      });
  });

  it('keep a value that is not finite: the synchroniser counts it', () => {
    const merger = createJointMerger(aloha);
    merger.take(LEFT, message(1, nine(NaN)));
    assert.ok(Number.isNaN(merger.take(RIGHT, message(1, nine(0)))!.position[0]));
  });
});

describe("a joint's position", () => {
  it("is the driver's angle by sign and offset, or the gripper's opening, and back", () => {
    const flipped: CalibratedJoint = { ...aloha.joints[2], sign: -1, offset: 0.25 };
    const [arm] = aloha.arms;
    assert.equal(fromDriver(arm, flipped, 1), -0.75);
    const gripper = aloha.joints[6];
    assert.equal(fromDriver(arm, gripper, arm.gripper!.closed), 0);
    assert.equal(fromDriver(arm, gripper, arm.gripper!.open), 1);
    fc.assert(
      fc.property(fc.double({ min: -4, max: 4, noNaN: true }), (angle) => {
        for (const joint of [flipped, gripper]) {
          const back = toDriver(arm, joint, fromDriver(arm, joint, angle));
          assert.ok(Math.abs(back - angle) < 1e-12);
        }
      }),
    );
  });
});

describe('messages', () => {
  it('carry times to the nanosecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 61n }), (time) => {
        assert.equal(nanosecondsOf(stampOf(time)), time);
      }),
    );
  });

  it('hold plain arrays of their own, never views: a view would be sent from its buffer’s start', () => {
    const chunk = Float32Array.from([9, 9, 0, 1, 2, 3]);
    const rows = [chunk.subarray(2, 4), chunk.subarray(4, 6)];
    const { points } = jointTrajectory(0n, ['a', 'b'], rows, 0.02);
    for (const { positions, velocities } of points) {
      assert.ok(Array.isArray(positions) && Array.isArray(velocities));
    }
    assert.deepEqual(points[1].positions, [2, 3]);
  });

  it('give a chunk its velocities and times, so that a controller passes through its points', () => {
    const rows = [0, 0.02, 0.06, 0.08].map((at) => [at]);
    const { header, points } = jointTrajectory(1_500_000_000n, ['waist'], rows, 0.02);
    assert.deepEqual(header.stamp, { sec: 1, nanosec: 500_000_000 });
    assert.deepEqual(
      points.map(({ velocities }) => Number(velocities[0].toFixed(9))),
      [1, 1.5, 1.5, 1],
    );
    assert.deepEqual(points[3].time_from_start, { sec: 0, nanosec: 60_000_000 });
  });
});
