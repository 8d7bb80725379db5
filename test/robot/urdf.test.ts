import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { packagePath } from '../../src/files/packagePath.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { chainLine } from '../../src/robot/chainLine.ts';
import { chainOfUrdf } from '../../src/robot/urdf.ts';
import { assertRejectsAbout, assertThrowsAbout } from '../refusals.ts';
import { readFile } from 'node:fs/promises';

const joint = (name: string, type: string, [parent, child]: [string, string], inside = '') =>
  `<joint name="${name}" type="${type}"><parent link="${parent}"/><child link="${child}"/>${inside}</joint>`;

const links = (names: string) => names.split(' ').map((name) => `<link name="${name}"/>`).join(''); // prettier-ignore

/** An arm of two joints on a fixed stand, with a fixed hand. */
const ARM = `<?xml version="1.0"?>
<!-- made by hand -->
<robot name="small">
  ${links('world stand upper lower hand')}
  ${joint('mount', 'fixed', ['world', 'stand'], '<origin xyz="1 0 0" rpy="0 0 1.5707963267948966"/>')}
  ${joint('shoulder', 'revolute', ['stand', 'upper'], '<origin xyz="0 0 0.5"/><axis xyz="0 1 0"/>')}
  ${joint('elbow', 'continuous', ['upper', 'lower'], '<origin xyz="0.3 0 0" rpy="0.1 0 0"/><axis xyz="0 1 0"/>')}
  ${joint('grip', 'fixed', ['lower', 'hand'], '<origin xyz="0.2 0 0"/>')}
  <transmission name="t"><joint name="shoulder"/></transmission>
</robot>`;

describe('a URDF', () => {
  it('has the chain between two links, fixed joints part of the one after', () => {
    const chain = chainOfUrdf(ARM, { base: 'world', tip: 'hand' });
    assert.deepEqual(chain.joints.map(({ joint, axis }) => [joint, axis]), [['shoulder', [0, 1, 0]], ['elbow', [0, 1, 0]]]); // prettier-ignore
    assert.deepEqual(chain.joints[0].offset, [1, 0, 0.5]);
    assert.deepEqual(chain.joints[1].rotation, [0.1, 0, 0]);
    assert.deepEqual(chain.tip, [0.2, 0, 0]);
    const line = chainLine(chain);
    const into = new Float64Array(3 * line.points);
    line.write([0, 0], [0, 1], [0, 0, 0, 0], into);
    // The stand is turned to the left: the arm reaches along y.
    [1, 0.5, 0.5].forEach((value, axis) => assert.ok(Math.abs(into.at(axis - 3)! - value) < 1e-12));
  });

  it('may have the place where the fingers begin, as a link', () => {
    const { hand, tip } = chainOfUrdf(ARM, { base: 'stand', tip: 'hand', hand: 'lower' });
    assert.deepEqual([hand, tip], [[0, 0, 0], [0.2, 0, 0]]); // prettier-ignore
  });

  it('is refused by the name of the joint or link that is wrong', () => {
    const cases: [
      urdf: string,
      links: { base: string; tip: string },
      fields: string[],
      ...names: string[],
    ][] = [
      [ARM, { base: 'world', tip: 'claw' }, ['claw'], 'world', 'stand', 'upper'],
      [ARM, { base: 'hand', tip: 'upper' }, ['world'], 'upper'],
      [ARM, { base: 'lower', tip: 'hand' }, ['lower', 'hand']],
      [ARM.replace('name="elbow" type="continuous"', 'name="elbow" type="ball"'), { base: 'world', tip: 'hand' }, ['elbow'], 'ball', 'revolute'], // prettier-ignore
      [ARM.replace('<axis xyz="0 1 0"/>', '<axis xyz="0 0 0"/>'), { base: 'world', tip: 'hand' }, ['shoulder'], 'axis'], // prettier-ignore
      [ARM.replace('xyz="0.3 0 0"', 'xyz="0.3 0"'), { base: 'world', tip: 'hand' }, ['elbow'], 'xyz', '0.3 0'], // prettier-ignore
      [ARM.replace('<parent link="upper"/>', ''), { base: 'world', tip: 'hand' }, ['elbow'], 'parent'], // prettier-ignore
      [ARM.replace('<parent link="upper"/>', '<parent link="gone"/>'), { base: 'world', tip: 'hand' }, ['elbow'], 'gone'], // prettier-ignore
      [ARM.replace('<parent link="world"/>', '<parent link="hand"/>'), { base: 'world', tip: 'hand' }, ['grip']], // prettier-ignore
      [ARM.replace('</robot>', `${joint('second', 'fixed', ['world', 'lower'])}</robot>`), { base: 'world', tip: 'hand' }, ['lower'], 'elbow', 'second'], // prettier-ignore
      [ARM.replace('</robot>', '<xacro:arm/></robot>').replace('<robot', '<robot xmlns:xacro="x"'), { base: 'world', tip: 'hand' }, [], 'xacro FILE > robot.urdf'], // prettier-ignore
      [ARM.replace('</robot>', ''), { base: 'world', tip: 'hand' }, []],
      ['<sdf/>', { base: 'world', tip: 'hand' }, [], '<robot>'],
    ];
    for (const [urdf, links, fields, ...names] of cases)
      assertThrowsAbout(() => chainOfUrdf(urdf, links), { kind: 'invalid', fields, names });
  });

  it('may be named by a calibration, whose arm has its chain then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nalu-urdf-'));
    try {
      const path = join(folder, 'robot.yaml');
      const calibration = parse(await readFile(packagePath('calibration/so101.yaml'), 'utf8')) as {
        arms: { chain: unknown }[];
        joints: { kind: string; joint: string }[];
      };
      calibration.joints.splice(2, 3);
      calibration.joints.forEach((one, i) => (one.joint = ['shoulder', 'elbow', 'grip'][i]));
      const load = async (chain: unknown) => {
        calibration.arms[0].chain = chain;
        await writeFile(path, stringify(calibration));
        return loadCalibration(path);
      };
      await writeFile(join(folder, 'small.urdf'), ARM);
      const refused = (loaded: Promise<unknown>, field: string, ...names: string[]) =>
        assertRejectsAbout(loaded, { kind: 'invalid', subject: path, fields: [field], names });
      const { arms } = await load({ urdf: 'small.urdf', base: 'world', tip: 'hand' });
      assert.deepEqual(arms[0].chain, chainOfUrdf(ARM, { base: 'world', tip: 'hand' }));
      await refused(load({ urdf: 'small.urdf', base: 'world', tip: 'claw' }), 'arms[0].chain.urdf', 'small.urdf', 'claw'); // prettier-ignore
      await refused(load({ urdf: 'none.urdf', base: 'world', tip: 'hand' }), 'arms[0].chain.urdf', 'none.urdf'); // prettier-ignore
      await refused(load({ urdf: 'small.urdf', base: 'world' }), 'arms[0].chain.tip');
      await refused(
        load({ urdf: 'small.urdf', base: 'world', tip: 'upper' }),
        'arms[0].chain',
        'elbow',
        'arm',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
