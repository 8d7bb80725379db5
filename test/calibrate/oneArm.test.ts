import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureGrippers, measureJoints } from '../../src/calibrate/arms.ts';
import { type Move, createBench } from '../../src/calibrate/bench.ts';
import { correct } from '../../src/calibrate/correction.ts';
import { noFindings } from '../../src/calibrate/findings.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { type Calibration, embodimentOf } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import type { Observer } from '../../src/robot/robot.ts';

/** Positions along a move of one joint: through a part of its range, a gripper from where it is to an end. */
const pathOf = (move: Move, { joints }: Calibration): number[] => {
  if (move.kind === 'jerks') return [];
  if (move.kind === 'gripper') return [move.opening];
  const { home, lower, upper } = joints[move.joint];
  return [home, home + 0.5 * (upper - home), home - 0.5 * (home - lower), home];
};

/** Has a person, who does as asked, move an arm that is as its calibration says; what was said, and what was found. */
async function measured(name: string) {
  const calibration = await loadCalibration(packagePath(`calibration/${name}.yaml`));
  const position = Float64Array.from(calibration.joints, ({ home }) => home);
  const said: string[] = [];
  let observer: Observer | undefined;
  let stamp = 0n;
  const report = () =>
    observer?.joints({ stamp: (stamp += 20_000_000n), position: position.slice() });
  const bench = createBench({
    calibration,
    robot: {
      embodiment: embodimentOf(calibration),
      clock: {
        now: () => stamp,
        until: () => Promise.resolve(report()),
      },
      observe: (taker) => (observer = taker),
      close: () => Promise.resolve(),
    },
    dialogue: { print: (text: string) => said.push(text) } as never,
    signal: new AbortController().signal,
    person: {
      make(move, instruction, live) {
        said.push(instruction, live());
        if (move.kind === 'jerks') return Promise.resolve(false);
        for (const at of pathOf(move, calibration)) {
          position[move.joint] = at;
          report();
        }
        return Promise.resolve(true);
      },
      decide: (finding) => assert.fail(finding),
    },
  });
  report();
  const findings = noFindings();
  await measureJoints(bench, findings);
  await measureGrippers(bench, findings);
  return { calibration, said: said.join('\n'), findings };
}

describe('the calibration of one arm', () => {
  it('asks for each joint in the words of its file, and finds it as it is', async () => {
    const { calibration, said, findings } = await measured('so101');
    assert.match(
      said,
      /^shoulder_pan: turn the arm to its right, clockwise seen from above, then/m,
    );
    assert.deepEqual([...findings.joints.keys()], calibration.joints.slice(0, 5).map(({ name }) => name)); // prettier-ignore
    const { changes, remarks, calibration: right } = correct(calibration, findings, '2026-01-31');
    assert.deepEqual(remarks, []);
    // The ends are what was measured: to four digits of a radian.
    assert.deepEqual(changes, ['arm: gripper { closed: -0.174533, open: 1.74533 } → { closed: -0.1745, open: 1.7453 }']); // prettier-ignore
    assert.deepEqual(right.arms[0].gripper!.command, calibration.arms[0].gripper!.command);
  });

  it('measures a gripper that slides in metres', async () => {
    const { calibration, said, findings } = await measured('franka');
    assert.match(said, /gripper {2}driver \+0\.040 m {2}calibrated \+1\.000 open/);
    assert.match(said, /closed \+0\.000, open \+0\.040 m$/m);
    const { changes, calibration: right } = correct(calibration, findings, '2026-01-31');
    assert.deepEqual(changes, []);
    assert.deepEqual(right.arms[0].gripper, calibration.arms[0].gripper);
    assert.deepEqual((right.measured!.grippers as Record<string, unknown>).gripper, { date: '2026-01-31', closed: 0, open: 0.04 }); // prettier-ignore
  });
});
