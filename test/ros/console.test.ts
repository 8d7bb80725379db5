import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { openPage } from '../console/client.ts';
import { assertSaid } from '../refusals.ts';
import { initRos, skip, startNode, until } from './ros.ts';

describe("the policy node's console", { skip }, () => {
  it('shows the robot and operates it: start, stop, resume, judge', async () => {
    const ros = await initRos();
    const folder = await mkdtemp(join(tmpdir(), 'nalu-console-'));
    const sim = startNode('simMain', { seed: 2 });
    const nalu = startNode('policyMain', {
      ...{ use_sim_time: true, calibration: SIM_CALIBRATION, output: 'trajectory' },
      ...{ reset_service: '/aloha_sim/reset', outcome_topic: '/aloha_sim/outcome' },
      ...{ autostart: true, seconds: '3.0', record: folder, console: 18_484 },
    });
    try {
      await until(
        () => /console at http:\S+/.test(nalu.output()),
        () => nalu.output(),
        30,
      );
      const page = await openPage(/http:\S+/.exec(nalu.output())![0]);
      const isPhase = (...phases: string[]) => phases.includes(page.topics.phase?.phase ?? '');
      await page.until(() => isPhase('ready'), 'ready', 30);
      assert.equal(page.topics.robot?.simulated, false);
      assert.equal(page.topics.robot?.joints.length, 14);
      await page.until(() => page.pictures.size === 3, 'a picture of each camera');
      assert.equal(page.pictures.get('cam_high')![0].jpeg[0], 0xff, 'a JPEG');
      await page.until(() => page.topics.motion, 'joints');

      const checked = await page.ask('check', null);
      assertSaid(checked.says ?? '', 'fits', '0 errors');
      assert.ok(page.topics.fit?.findings.some(({ topic }) => topic === 'examined'));
      await page.until(() => isPhase('ready'), 'ready after the check');

      assert.deepEqual((await page.ask('start', {})).ok, true);
      await page.until(() => isPhase('running'), 'an attempt', 30);
      await page.until(() => page.topics.chunk, 'a chunk');
      assert.deepEqual((await page.ask('stop', { reason: 'a test' })).ok, true);
      await page.until(() => isPhase('stopped'), 'a stop');
      assertSaid((await page.ask('start', {})).says!, 'tester', 'resume');
      await page.until(() => page.topics.attempts?.[0].outcome === 'discarded', 'its end');
      await page.until(() => page.topics.sensors?.some(({ rate }) => rate > 5), 'rates');
      assert.equal((await page.ask('resume', null)).ok, true);

      await page.ask('start', {});
      await page.until(() => isPhase('judgement', 'reset'), 'the end of the time', 40);
      if (isPhase('judgement')) await page.ask('success', null);
      await page.until(() => isPhase('reset'), 'the reset');
      assert.equal((await page.ask('sceneReady', null)).ok, true);
      assert.equal(page.topics.attempts?.at(-1)?.outcome, 'success');
      const kept = (await readdir(folder)).filter((file) => file.endsWith('.mcap'));
      assert.equal(kept.length, 2);
      await page.close();
    } finally {
      await Promise.all([nalu.stop('SIGTERM'), sim.stop('SIGTERM')]);
      ros.shutdown();
      await rm(folder, { recursive: true });
    }
  });

  it('says why a node that found no robot is not active, and what to do', async () => {
    const ros = await initRos();
    const nalu = startNode('policyMain', {
      ...{ calibration: SIM_CALIBRATION, output: 'trajectory', autostart: true, console: 18_484 },
    });
    try {
      await until(
        () => /console at http:\S+/.test(nalu.output()),
        () => nalu.output(),
        30,
      );
      const page = await openPage(/http:\S+/.exec(nalu.output())![0]);
      await page.until(() => page.topics.phase?.reason, 'a reason', 30);
      assert.equal(page.topics.phase?.phase, 'connecting');
      const [why, remedy] = page.topics.phase.reason!.split('; then: ');
      assertSaid(why, 'nobody publishes', '/follower_left/joint_states');
      assert.equal(remedy, 'ros2 lifecycle set /nalu activate');
      await page.close();
    } finally {
      await nalu.stop('SIGTERM');
      ros.shutdown();
    }
  });
});
