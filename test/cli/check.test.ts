import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packagePath } from '../../src/files/packagePath.ts';
import { CONFIG_FILE } from '../../src/policy/bundle/bundle.ts';
import type { MeanStdConfig } from '../../src/policy/vectors/normalisation.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertSaidIn } from '../refusals.ts';
import { assertFails, nalu } from './nalu.ts';
import { type BundleConfig } from '../../src/policy/bundle/config.ts';
import type { Misfit } from '../../src/check/case.ts';

const SHIPPED = packagePath('models/aloha-mini');
/** What is printed last where there is no error. */
const FITS = 'The policy fits the robot.';
/** What `nalu check` of a doctored policy fails with. */
const MISFIT = { kind: 'mismatch', subject: 'doctored' } as const;

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

type Line = Misfit & { summary?: Record<string, unknown>; error?: { kind: string } };
const jsonLines = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('nalu check', () => {
  it('says of the shipped policy what it looked at, and that it fits', async () => {
    const { code, out, err } = await nalu(['check']);
    assert.equal(code, 0, err);
    assertSaidIn(out, 14, 'left_waist', 'right_gripper');
    assertSaidIn(out, 3, 'cam_high, cam_left_wrist, cam_right_wrist');
    assertSaidIn(out, FITS);
    const [moved] = /\b0\.0\d\b/.exec(out) ?? [];
    assertSaidIn(out, moved ?? 'a first tick that moves little');
  });

  it('fits the real robots’ calibrations too', async () => {
    for (const name of ['aloha-1.0', 'aloha-2.0', 'aloha-mobile']) {
      const calibration = packagePath(`calibration/${name}.yaml`);
      const { code, out } = await nalu(['check', '--calibration', calibration, '--json']);
      assert.equal(code, 0, out);
    }
  });

  it('refuses to compare another robot’s calibration with the simulated ALOHA, and names --robot ros', async () => {
    const so101 = packagePath('calibration/so101.yaml');
    await assertFails(['check', '--calibration', so101], {
      ...{ kind: 'mismatch', subject: so101 },
      names: ['so101', '--robot ros'],
    });
  });

  it('names joints whose statistics are swapped', async () => {
    const { out, failure } = await checkDoctored((_, { state, actions }) => {
      for (const values of [state.mean, state.std, actions.mean, actions.std])
        [values[LEFT_ELBOW], values[LEFT_WRIST_ANGLE]] = [
          values[LEFT_WRIST_ANGLE],
          values[LEFT_ELBOW],
        ];
    });
    assertAbout(failure, MISFIT);
    const [, errors] = out.split('\nErrors');
    assertSaidIn(errors, 'left_elbow', 'left_wrist_angle');
  });

  it('refuses a policy for another robot', async () => {
    const { out, failure } = await checkDoctored((config) => (config.embodiment = 'ur5'));
    assertAbout(failure, MISFIT);
    assertSaidIn(out, 'ur5', 'aloha');
  });

  it('prints one JSON object a line: findings, then a summary, then that it fails', async () => {
    const { out, failure } = await checkDoctored(
      (_, { state, actions }) => {
        state.mean[RIGHT_GRIPPER] = 100;
        actions.mean[RIGHT_GRIPPER] = 100;
      },
      ['--json'],
    );
    assertAbout(failure, MISFIT);
    const lines = jsonLines(out);
    const errors = lines.filter(({ severity }) => severity === 'error');
    assert.ok(errors.some(({ subject }) => subject === 'right_gripper'));
    assert.equal(lines.at(-2)!.summary!.errors, errors.length);
    assert.equal(lines.at(-1)!.error!.kind, MISFIT.kind);
  });

  it('samples nothing where a camera is missing, and says which', async () => {
    const { out, failure } = await checkDoctored((config) => (config.cameras[0] = 'cam_top'));
    assertAbout(failure, MISFIT);
    assertSaidIn(out, 'cam_top', 'cam_high');
    assertSaidIn(out, 'no chunk');
    assert.doesNotMatch(out, /\b0\.\d\d\b/, 'how far the first tick moves');
  });
});
