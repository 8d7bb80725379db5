import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { about } from '../../src/robot/rotations.ts';
import { inverseKinematics } from '../../src/robot/viperx300.ts';
import { fingerFromOpening, openingFromFinger } from '../../src/robot/aloha.ts';
import { controlsFromPositions, positionsFromJoints } from '../../src/sim/vectors.ts';

describe('gripper openings', () => {
  it('run from gym-aloha’s closed to its open finger position', () => {
    assert.ok(Math.abs(fingerFromOpening(0) - 0.01844) < 1e-12);
    assert.ok(Math.abs(fingerFromOpening(1) - 0.058) < 1e-12);
    assert.ok(Math.abs(openingFromFinger(fingerFromOpening(0.37)) - 0.37) < 1e-12);
  });

  it('move both fingers of a hand, mirrored', () => {
    const positions = Float64Array.from({ length: 14 }, (_, joint) => joint / 20);
    const controls = controlsFromPositions(positions);
    assert.equal(controls.length, 16);
    assert.equal(controls[7], -controls[6]);
    assert.equal(controls[15], -controls[14]);
    positionsFromJoints(controls).forEach((value, joint) => {
      assert.ok(Math.abs(value - positions[joint]) < 1e-12);
    });
  });
});

describe('inverse kinematics', () => {
  it('finds the start pose from gym-aloha’s gripper position', () => {
    const joints = inverseKinematics(
      { position: [-0.31718881 + 0.469, 0, 0.29525084], rotation: about.y(-0.1) },
      [0, 0, 0, 0, 0, 0],
    );
    const start = [0, -0.96, 1.16, 0, -0.3, 0];
    joints?.forEach((angle, joint) => {
      assert.ok(Math.abs(angle - start[joint]) < 2e-3, `${joint}: ${angle}`);
    });
    assert.ok(joints);
  });

  it('has no answer beyond the arm’s reach', () => {
    const far = { position: [1, 0, 0.3], rotation: about.y(0) };
    assert.equal(inverseKinematics(far, [0, 0, 0, 0, 0, 0]), undefined);
  });
});
