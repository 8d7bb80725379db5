import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { packagePath } from '../../src/files/packagePath.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { chainLine } from '../../src/robot/chainLine.ts';
import type { Vector } from '../../src/robot/chain.ts';
import { poseOf, reach } from '../../src/robot/inverseKinematics.ts';
import { about, compose, fromAxisAngle, fromRollPitchYaw, toAxisAngle } from '../../src/robot/rotations.ts'; // prettier-ignore
import { placedArms } from '../../src/robot/spaceRules.ts';

const apart = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));

const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });

describe('axis-angle vectors', () => {
  it('are those of turns about an axis, and none where nothing turns', () => {
    assert.deepEqual(toAxisAngle(fromAxisAngle([0, 0, 0])), [0, 0, 0]);
    assert.ok(apart(toAxisAngle(about.y(-0.3)), [0, -0.3, 0]) < 1e-15);
    assert.ok(apart(fromAxisAngle([0, 0, 2]), about.z(2)) < 1e-15);
  });

  it('give the same rotation back, however small or near to half a turn', () => {
    const size = fc.oneof(fc.constantFrom(1e-9, 1e-4, Math.PI - 1e-9, Math.PI), fc.double({ min: 0, max: Math.PI, noNaN: true })); // prettier-ignore
    fc.assert(
      fc.property(fc.tuple(angle, angle, angle), size, (direction, length) => {
        const norm = Math.hypot(...direction);
        fc.pre(norm > 1e-3);
        const rotation = fromAxisAngle(direction.map((value) => (length * value) / norm));
        const vector = toAxisAngle(rotation);
        assert.ok(apart(fromAxisAngle(vector), rotation) < 1e-12);
        assert.ok(Math.abs(Math.hypot(...vector) - length) < 1e-7);
      }),
    );
  });
});

for (const name of ['franka', 'so101']) {
  const calibration = await loadCalibration(packagePath(`calibration/${name}.yaml`));
  const [{ base, joints: indices, chain: placed }] = placedArms(calibration);
  const chain = placed!;
  const joints = indices.map((index) => calibration.joints[index]);
  const limits = {
    lower: joints.map(({ lower }) => lower),
    upper: joints.map(({ upper }) => upper),
  };
  const home = joints.map((joint) => joint.home);
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: joints.length,
    maxLength: joints.length,
  });
  const within = (share: readonly number[]) =>
    share.map((value, i) => limits.lower[i] + value * (limits.upper[i] - limits.lower[i]));

  /** The fingers' tips by the guard's own forward kinematics. */
  const tipOf = (positions: readonly number[], tip: Vector) => {
    const line = chainLine({ ...chain, tip });
    const points = new Float64Array(3 * line.points);
    line.write(positions, [...joints.keys()], base, points);
    return [...points.slice(-3)];
  };

  describe(`inverse kinematics of ${name}`, () => {
    it('begins with the pose that the guard measures', () =>
      fc.assert(
        fc.property(shares, (share) => {
          const positions = within(share);
          const { position, rotation } = poseOf(chain, base, positions);
          const tip = tipOf(positions, chain.tip);
          assert.ok(apart(position, tip) < 1e-12);
          for (const axis of [0, 1, 2]) {
            const further = [...chain.tip] as Vector;
            further[axis] += 1;
            const column = tipOf(positions, further).map((value, i) => value - tip[i]);
            assert.ok(
              apart(
                column,
                [0, 3, 6].map((row) => rotation[row + axis]),
              ) < 1e-9,
            );
          }
        }),
        { numRuns: 50 },
      ));

    it('follows a way in small steps to where it leads, within the limits', () =>
      fc.assert(
        fc.property(shares, (share) => {
          const to = within(share).map((value, i) => home[i] + 0.2 * (value - home[i]));
          let positions = home;
          for (let step = 1; step <= 10; step++) {
            const on = home.map((value, i) => value + (step / 10) * (to[i] - value));
            positions = reach(chain, base, limits, positions, () => poseOf(chain, base, on));
            positions.forEach((value, i) =>
              assert.ok(value >= limits.lower[i] && value <= limits.upper[i]),
            );
          }
          const [reached, wanted] = [positions, to].map((one) => poseOf(chain, base, one));
          assert.ok(apart(reached.position, wanted.position) < 1e-3, `${apart(reached.position, wanted.position)} m`); // prettier-ignore
          assert.ok(apart(reached.rotation, wanted.rotation) < 1e-2);
        }),
        { numRuns: 50 },
      ));

    it('stays within the limits and finite where a pose is out of reach', () => {
      const { rotation } = poseOf(chain, base, home);
      const turned = compose(fromRollPitchYaw([1, 1, 1]), rotation);
      for (const position of [
        [5, 0, 0],
        [0, 0, -5],
        [0, 0, 0.1],
      ]) {
        // prettier-ignore
        const reached = reach(chain, base, limits, home, () => ({ position, rotation: turned }));
        reached.forEach((value, i) =>
          assert.ok(value >= limits.lower[i] && value <= limits.upper[i], `${value}`),
        );
      }
    });
  });
}
