import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { METADATA } from '../../src/episodes/messages.ts';
import { readMcap } from '../../src/episodes/readMcap.ts';
import { recoverEpisode } from '../../src/episodes/recoverEpisode.ts';
import { assertAbout } from '../refusals.ts';

const program = join(import.meta.dirname, 'recorderProcess.js');
const folder = await mkdtemp(join(tmpdir(), 'nalu-kill-'));
after(() => rm(folder, { recursive: true }));

/** Records for a while, is killed, and gives the ids that it said were finished. */
async function recordAndKill(into: string, milliseconds: number): Promise<string[]> {
  const child = spawn(process.execPath, [program, into], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text: Buffer) => (said += text.toString()));
  await once(child.stdout, 'data');
  await setTimeout(milliseconds);
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  return said.split('\n').filter(Boolean);
}

describe('a recording process that is killed at any moment', () => {
  it('leaves every finished episode whole and an unfinished one to recover', async () => {
    let recovered = 0;
    for (let round = 0; round < 8; round++) {
      const into = join(folder, String(round));
      const said = await recordAndKill(into, Math.random() * 60);
      const listed = await listEpisodes(into);
      const finished = listed.filter(({ state }) => state === 'finished').map(({ id }) => id);
      assert.deepEqual(
        said.filter((id) => !finished.includes(id)),
        [],
        'what was said to be finished is',
      );
      assert.ok(listed.every(({ state }) => state !== 'unreadable'));
      for (const { path, state } of listed) {
        if (state === 'finished') {
          const episode = await readEpisode(path);
          assert.deepEqual([episode.missing, episode.chunks.length], [[], 3]);
          assert.equal(episode.result?.outcome, 'success');
          continue;
        }
        const hadResult = (await readMcap(path)).metadata.has(METADATA.result);
        const rescued = await recoverEpisode(path).catch((error: Error) => error);
        if (rescued instanceof Error) {
          assertAbout(rescued, { kind: 'invalid', subject: path });
          continue;
        }
        const episode = await readEpisode(rescued.path);
        assert.ok(rescued.loss === null || rescued.stays, 'what was not kept stays');
        // The result is written last: a file that has it lacks its name alone.
        assert.equal(episode.result?.outcome, hadResult ? 'success' : 'discarded');
        recovered++;
      }
    }
    assert.ok(recovered > 0, 'no kill hit a recording');
  });
});
