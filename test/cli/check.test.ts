import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packagePath } from '../../src/files/packagePath.ts';
import { CONFIG_FILE } from '../../src/policy/bundle/bundle.ts';
import type { MeanStdConfig } from '../../src/policy/vectors/normalisation.ts';
import { withFolder } from '../onnx/run.ts';
import { nalu } from './nalu.ts';
import { type BundleConfig } from '../../src/policy/bundle/config.ts';
import type { Misfit } from '../../src/check/case.ts';

const SHIPPED = packagePath('models/aloha-mini');
const LEFT_ELBOW = 2;
const LEFT_WRIST_ANGLE = 4;
const RIGHT_GRIPPER = 13;

/** Checks the shipped bundle with a change to its policy.json. */
const checkDoctored = (
  change: (config: BundleConfig, statistics: MeanStdConfig) => void,
  args: string[] = [],
) =>
  withFolder(async (folder) => {
    const bundle = join(folder, 'doctored');
    await cp(SHIPPED, bundle, { recursive: true });
    const path = join(bundle, CONFIG_FILE);
    const config = JSON.parse(await readFile(path, 'utf8')) as BundleConfig;
    change(config, config.transforms[0] as MeanStdConfig);
    await writeFile(path, JSON.stringify(config));
    return nalu(['check', bundle, ...args]);
  });

type Line = Misfit & { summary?: Record<string, unknown> };
const jsonLines = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('nalu check', () => {
  it('says of the shipped policy what it looked at, and that it fits', async () => {
    const { code, out, err } = await nalu(['check']);
    assert.equal(code, 0, err);
    assert.match(out, /14 joints in order, left_waist to right_gripper/);
    assert.match(out, /3 cameras in order: cam_high, cam_left_wrist, cam_right_wrist/);
    assert.match(out, /first tick moves at most 0\.0\d (?:rad|of its opening)/);
    assert.match(out, /The policy fits the robot\./);
  });

  it('fits the real robots’ calibrations too', async () => {
    for (const name of ['aloha-1.0', 'aloha-2.0', 'aloha-mobile']) {
      const calibration = packagePath(`calibration/${name}.yaml`);
      const { code, out } = await nalu(['check', '--calibration', calibration, '--json']);
      assert.equal(code, 0, out);
    }
  });

  it('refuses to compare another robot’s calibration with the simulated ALOHA, and names --robot ros', async () => {
    const { code, err } = await nalu([
      'check',
      '--calibration',
      packagePath('calibration/so101.yaml'),
    ]);
    assert.equal(code, 1);
    assert.match(
      err,
      /so101\.yaml: so101 has other joints than the simulated ALOHA; add --robot ros/,
    );
  });

  it('names joints whose statistics are swapped', async () => {
    const { code, out, err } = await checkDoctored((_, { state, actions }) => {
      for (const values of [state.mean, state.std, actions.mean, actions.std])
        [values[LEFT_ELBOW], values[LEFT_WRIST_ANGLE]] = [
          values[LEFT_WRIST_ANGLE],
          values[LEFT_ELBOW],
        ];
    });
    assert.equal(code, 1);
    assert.match(out, /Errors: do not run this\n.*left_elbow and left_wrist_angle look swapped/);
    assert.match(err, /does not fit the robot/);
  });

  it('refuses a policy for another robot', async () => {
    const { code, out } = await checkDoctored((config) => (config.embodiment = 'ur5'));
    assert.equal(code, 1);
    assert.match(out, /the policy is for ur5, the robot is aloha/);
  });

  it('prints one JSON object a line: findings, then a summary', async () => {
    const { code, out } = await checkDoctored(
      (_, { state, actions }) => {
        state.mean[RIGHT_GRIPPER] = 100;
        actions.mean[RIGHT_GRIPPER] = 100;
      },
      ['--json'],
    );
    assert.equal(code, 1);
    const lines = jsonLines(out);
    const errors = lines.filter(({ severity }) => severity === 'error');
    assert.ok(errors.some(({ subject }) => subject === 'right_gripper'));
    assert.equal(lines.at(-1)!.summary!.errors, errors.length);
  });

  it('samples nothing where a camera is missing, and says which', async () => {
    const { code, out } = await checkDoctored((config) => (config.cameras[0] = 'cam_top'));
    assert.equal(code, 1);
    assert.match(out, /looks through cam_top, the robot has cam_high/);
    assert.match(out, /no chunk was sampled/);
  });
});
