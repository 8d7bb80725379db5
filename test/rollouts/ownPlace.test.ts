import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { type Adapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { ownProcesses } from '../../src/rollouts/pool.ts';
import { simulatedEmbodiment } from '../../src/sim/embodiment.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { LORA, randomAdapter } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';

describe('a robot whose attempts are made by a process', { timeout: 60_000 }, () => {
  it('plays a version at the place that is its own there, and any other robot at the common one', () =>
    withFolder(async (folder) => {
      const policy = join(folder, 'policy');
      await writeTinyAloha(policy);
      const { base } = await loadBundle(policy);
      const offset = new Float32Array((await simulatedEmbodiment()).joints.length).fill(0.125);
      /** The first chunk that a robot plays with a version at these places. */
      const playedBy = async (robot: string, places: Partial<Adapter>) => {
        const adapter = randomAdapter(1, { base, ...places });
        const file = join(folder, `${robot}.safetensors`);
        await writeAdapter(file, adapter);
        const pool = ownProcesses({ policy, robot, task: 'transfer-cube', trainable: LORA }, 1);
        try {
          await pool.adopt(file);
          const record = { folder, id: robot };
          let episode: string | null = null;
          await pool.run([{ seed: 1, record }], (made) => (episode = made.episode));
          const [{ actions, policyVersion }] = (await readEpisode(episode!)).chunks;
          assert.equal(policyVersion, `${base}+${adapter.version}`);
          return [...actions];
        } finally {
          await pool.close();
        }
      };
      const own = { own: new Map([['left', { offset }]]) };
      const [left, right, common] = await Promise.all([
        playedBy('left', own),
        playedBy('right', own),
        playedBy('all', { offset }),
      ]);
      assert.deepEqual(left, common);
      assert.notDeepEqual(left, right);
    }));
});
