import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { positiveDirection } from '../../src/calibrate/positiveDirections.ts';
import { type Point, type Rotation, about, compose, rotate } from '../../src/robot/rotations.ts';
import { type GripperPose, inverseKinematics } from '../../src/robot/viperx300.ts';

/** Joints of the chain as the ViperX 300's URDF has them: axis, and the way to the next one, m. */
const CHAIN: { joint: string; axis: keyof typeof about; next: Point }[] = [
  { joint: 'waist', axis: 'z', next: [0, 0, 0] },
  { joint: 'shoulder', axis: 'y', next: [0.05955, 0, 0.3] },
  { joint: 'elbow', axis: 'y', next: [0.3, 0, 0] },
  { joint: 'forearm_roll', axis: 'x', next: [0, 0, 0] },
  { joint: 'wrist_angle', axis: 'y', next: [0.069744, 0, 0] },
  { joint: 'wrist_rotate', axis: 'x', next: [0, 0, 0] },
];

const SHOULDER: Point = [0, 0, 0.079 + 0.04805];

/** Where a joint's link ends, and how it is turned, in the arm's base frame. */
function linkEnd(angles: number[], joint: string): GripperPose {
  let position = SHOULDER;
  let rotation: Rotation = about.x(0);
  for (const [i, link] of CHAIN.entries()) {
    rotation = compose(rotation, about[link.axis](angles[i]));
    const way = rotate(rotation, link.next);
    position = position.map((value, axis) => value + way[axis]);
    if (link.joint === joint) break;
  }
  return { position, rotation };
}

const HOME = [0, -0.96, 1.16, 0, -0.3, 0];

/** The link end before and after a joint's position has grown a little. */
function grown(joint: string, seenAt: string): [GripperPose, GripperPose] {
  const index = CHAIN.findIndex((link) => link.joint === joint);
  const after = HOME.map((angle, i) => (i === index ? angle + 0.1 : angle));
  return [linkEnd(HOME, seenAt), linkEnd(after, seenAt)];
}

const way = ([before, after]: [GripperPose, GripperPose]) =>
  after.position.map((value, axis) => value - before.position[axis]);

describe('the words for a positive direction', () => {
  it('are for the chain that the inverse kinematics has', () => {
    const pose = linkEnd(HOME, 'wrist_rotate');
    inverseKinematics(pose, HOME)!.forEach((angle, joint) =>
      assert.ok(Math.abs(angle - HOME[joint]) < 1e-9),
    );
  });

  it('turn the waist to the left', () => {
    assert.match(positiveDirection('waist'), /to its left/);
    assert.ok(way(grown('waist', 'wrist_rotate'))[1] > 0);
  });

  it('lean the upper arm forward', () => {
    assert.match(positiveDirection('shoulder'), /forward/);
    assert.ok(way(grown('shoulder', 'shoulder'))[0] > 0);
  });

  it('bend forearm and hand down', () => {
    assert.match(positiveDirection('elbow'), /down/);
    assert.ok(way(grown('elbow', 'elbow'))[2] < 0);
    assert.match(positiveDirection('wrist_angle'), /down/);
    assert.ok(way(grown('wrist_angle', 'wrist_angle'))[2] < 0);
  });

  it('roll forearm and hand clockwise, looking along them', () => {
    for (const joint of ['forearm_roll', 'wrist_rotate']) {
      assert.match(positiveDirection(joint), /clockwise, looking from the elbow to the hand/);
      const [before, after] = grown(joint, joint);
      const top = [before, after].map(({ rotation }) => rotate(rotation, [0, 0, 1]));
      assert.ok(top[1][1] < top[0][1], 'its upper side goes to the right');
    }
  });
});
