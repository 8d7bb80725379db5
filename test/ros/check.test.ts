import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { assertSaidIn } from '../refusals.ts';
import { skip, startNode, until } from './ros.ts';

const CLI = join(import.meta.dirname, '../../src/cli.js');

const check = (...options: string[]) =>
  promisify(execFile)(process.execPath, [
    CLI,
    ...['check', '--robot', 'ros', '--calibration', SIM_CALIBRATION, '--sim-time', ...options],
  ]);

describe('nalu check on a robot behind ROS topics', { skip }, () => {
  it('compares the policy with what comes over them', async () => {
    const sim = startNode('simMain', {});
    try {
      let said = '';
      const done = check('--json').then(({ stdout }) => (said = stdout));
      await until(
        () => said !== '',
        () => sim.output(),
        30,
      );
      await done;
      const last = said.trim().split('\n').at(-1)!;
      const { summary } = JSON.parse(last) as {
        summary: { joints: number; cameras: string[]; errors: number };
      };
      assert.equal(summary.joints, 14);
      assert.deepEqual(summary.cameras, ['cam_high', 'cam_left_wrist', 'cam_right_wrist']);
      assert.equal(summary.errors, 0);
    } finally {
      await sim.stop();
    }
  });

  it('says of each topic why nothing comes over it', async () => {
    const { stderr } = await check().catch((failed: { stderr: string }) => failed);
    const said = stderr.replace(/^nalu: /, '');
    for (const side of ['left', 'right'])
      assertSaidIn(said, 'nobody publishes', `/follower_${side}/joint_states`);
  });
});
