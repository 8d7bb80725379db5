import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { nalu } from '../cli/nalu.ts';
import { skip, startNode, until } from './ros.ts';

describe('a recorded episode as the robot', { skip }, () => {
  it('makes the policy that it is of say again what was commanded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nalu-replay-'));
    await nalu(['sim', '--seed', '2', '--record', folder]);
    const [{ path }] = await listEpisodes(folder);
    const calibration = SIM_CALIBRATION;
    const replay = startNode('replayMain', { episode: path, calibration });
    const policy = startNode('policyMain', {
      calibration,
      use_sim_time: true,
      dry_run: true,
      chunk_picture: join(folder, 'chunk.svg'),
      autostart: true,
      attempts: 1,
      seed: 2,
    });
    try {
      await until(
        () => /the recording is over: success/.test(replay.output()),
        () => `${replay.output()}\n${policy.output()}`,
        30,
      );
      assert.equal(await replay.exited, 0, 'ends with the recording');
      await until(() => /attempt/.test(policy.output()), policy.output);
      assert.doesNotMatch(policy.output(), /failure/);
      const means = [...replay.output().matchAll(/commanded by ([\d.]+) \(mean\)/g)];
      assert.ok(means.length >= 6);
      // The first chunk is of the same moment; what comes after it may see the robot a step or two later.
      for (const [index, [line, mean]] of means.entries())
        assert.ok(Number(mean) < (index === 0 ? 0.002 : 0.03), line);
    } finally {
      await Promise.all([replay.stop('SIGTERM'), policy.stop('SIGTERM')]);
      await rm(folder, { recursive: true });
    }
  });
});
