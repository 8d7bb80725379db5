import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { packagePath } from '../../src/files/packagePath.ts';
import type { ArmLine } from '../../src/robot/armLine.ts';
import { embodimentOf } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import type { Chain, Vector } from '../../src/robot/chain.ts';
import { chainLine } from '../../src/robot/chainLine.ts';
import { fromRollPitchYaw, toRollPitchYaw } from '../../src/robot/rotations.ts';
import { VIPERX_300 } from '../../src/robot/viperx300.ts';
import { readJson } from '../../src/validate.ts';

/** The ViperX 300 as its URDF has it, m; the fingers' tips by gym-aloha's shapes. */
const VIPERX_CHAIN: Chain = {
  joints: [
    { offset: [0, 0, 0.079], axis: [0, 0, 1] },
    { offset: [0, 0, 0.04805], axis: [0, 1, 0] },
    { offset: [0.05955, 0, 0.3], axis: [0, 1, 0] },
    { offset: [0.2, 0, 0], axis: [1, 0, 0] },
    { offset: [0.1, 0, 0], axis: [0, 1, 0] },
    { offset: [0.069744, 0, 0], axis: [1, 0, 0] },
  ],
  tip: [0.1467, 0, 0],
};

/** The points of a line, [points][3]. */
function pointsOf(line: ArmLine, positions: readonly number[], base = [0, 0, 0, 0]): number[][] {
  const into = new Float64Array(3 * line.points);
  line.write(positions, [...positions.keys()], base, into);
  return Array.from({ length: line.points }, (_, i) => [...into.subarray(3 * i, 3 * i + 3)]);
}

const farthest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));

const angle = fc.double({ min: -3, max: 3, noNaN: true });
const place = fc.double({ min: -2, max: 2, noNaN: true });

describe('the middle line of a chain of joints', () => {
  it('is that of the closed form, for a ViperX 300 anywhere', () => {
    const line = chainLine(VIPERX_CHAIN);
    const angles = fc.array(angle, { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(angles, fc.tuple(place, place, place, angle), (positions, base) => {
        const closed = pointsOf(VIPERX_300, positions, base);
        // The chain has points at the waist and where the forearm rolls too.
        const points = pointsOf(line, positions, base).filter((_, i) => i !== 1 && i !== 4);
        closed.forEach((point, i) => assert.ok(farthest(point, points[i]) < 1e-12));
      }),
    );
  });

  it('takes axes of any length and direction, in frames turned against each other', () => {
    // A joint about (0, 0, -2), whose frame is turned by a right angle about x: it turns about y.
    const line = chainLine({
      joints: [{ offset: [0, 0, 1], rotation: [Math.PI / 2, 0, 0], axis: [0, 0, -2] }],
      tip: [1, 0, 0],
    });
    const [base, joint, tip] = pointsOf(line, [0.5]);
    assert.deepEqual([base, joint], [[0, 0, 0], [0, 0, 1]]); // prettier-ignore
    assert.ok(farthest(tip, [Math.cos(0.5), 0, 1 - Math.sin(0.5)]) < 1e-12);
  });

  it('slides along the axis of a prismatic joint, in front of the joints that it carries', () => {
    const line = chainLine({
      joints: [
        { offset: [0.1, 0, 0], axis: [0, 0, 1], slides: true },
        { offset: [0, 0, 0], axis: [0, 0, 1] },
      ],
      hand: [0.2, 0, 0],
      tip: [0.3, 0, 0],
    });
    assert.equal(line.rigid, false);
    const [base, foot, top, hand, tip] = pointsOf(line, [0.5, Math.PI / 2], [0, 1, 0, 0]);
    assert.deepEqual([base, foot, top], [[0, 1, 0], [0.1, 1, 0], [0.1, 1, 0.5]]); // prettier-ignore
    assert.ok(farthest(hand, [0.1, 1.2, 0.5]) < 1e-12);
    assert.ok(farthest(tip, [0.1, 1.3, 0.5]) < 1e-12);
  });

  it('has roll, pitch and yaw of the rotations that they make', () => {
    fc.assert(
      fc.property(angle, angle, fc.oneof(angle, fc.constant(Math.PI / 2)), (roll, yaw, pitch) => {
        const rotation = fromRollPitchYaw([roll, pitch, yaw]);
        assert.ok(farthest(rotation, fromRollPitchYaw(toRollPitchYaw(rotation))) < 1e-7);
      }),
    );
  });
});

/** Points of an arm at positions of its joints, as another program has them. */
interface Pose {
  positions: number[];
  joints: Vector[];
  hand: Vector;
  tip: Vector;
}

/** From MuJoCo's forward kinematics of the makers' URDFs; Franka's agree with the DH parameters in its manual. */
const poses = (await readJson(packagePath('test/robot/fixtures/chains.json'))) as Record<
  string,
  Pose[]
>;

/** A list without points that repeat the one before. */
const distinct = (points: readonly number[][]) =>
  points.filter((point, i) => i === 0 || farthest(point, points[i - 1]) > 1e-9);

describe('the shipped calibration', () => {
  for (const name of ['so101', 'franka'])
    it(`${name} has its arm where MuJoCo has it, and starts within the workspace`, async () => {
      const calibration = await loadCalibration(packagePath(`calibration/${name}.yaml`));
      calibration.workspace!.enforced = true;
      const { space, joints } = embodimentOf(calibration);
      const [arm] = space!.arms;
      const line = chainLine(arm.chain!);
      for (const { positions, joints, hand, tip } of poses[name]) {
        const points = pointsOf(line, positions);
        const expected = distinct([[0, 0, 0], ...joints, hand, tip]);
        assert.equal(points.length, expected.length);
        expected.forEach((point, i) => assert.ok(farthest(points[i], point) < 1e-9));
      }
      const home = arm.joints.map((joint) => joints[joint].home);
      const { lower, upper } = space!.workspace!;
      for (const point of pointsOf(line, home, arm.base).slice(-2))
        point.forEach((value, axis) => assert.ok(value > lower[axis] && value < upper[axis]));
    });
});
