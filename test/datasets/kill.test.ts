import assert from 'node:assert/strict';
import { link, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isThere } from '../../src/files/isThere.ts';
import { nalu, spawnNalu } from '../cli/nalu.ts';
import { episodesIn, recordStubs } from './sets.ts';

const EPISODES = 16;
const ROUNDS = 2;

const root = await mkdtemp(join(tmpdir(), 'nalu-dataset-kill-'));
after(() => rm(root, { recursive: true }));
const stubs = join(root, 'stubs');
await recordStubs(stubs, Array<'success'>(EPISODES).fill('success'));
const set = join(root, 'set');
assert.equal((await nalu(['export', stubs, '--out', set])).code, 0);

/** Runs a command and kills it, at some moment after `begun` holds. */
async function runAndKill(args: string[], begun: () => Promise<boolean>): Promise<void> {
  let over = false;
  await spawnNalu(args, (child) => {
    child.once('close', () => (over = true));
    const kill = async () => {
      while (!over && !(await begun())) await setTimeout(2);
      await setTimeout(Math.random() * 100);
      child.kill('SIGKILL');
    };
    void kill();
  });
}

/** Whether something in a folder begins with a name. */
const begins = async (folder: string, name: string) =>
  (await readdir(folder).catch(() => [])).some((found) => found.startsWith(name));

describe('a process that is killed at any moment', () => {
  it('while it exports leaves a whole data set, or one that is named as unfinished', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const out = join(root, `export-${round}`);
      await runAndKill(['export', stubs, '--out', out], () => begins(root, `export-${round}`));
      if (await isThere(out)) {
        const back = join(root, `back-${round}`);
        assert.equal((await nalu(['import-data', out, '--out', back])).code, 0);
        assert.equal((await episodesIn(back)).length, EPISODES);
      } else {
        assert.equal((await nalu(['export', stubs, '--out', out])).code, 0, 'the same again');
      }
      const names = (await readdir(root)).filter((name) => name.startsWith(`export-${round}`));
      assert.deepEqual(names, [`export-${round}`], 'and what was left unfinished is gone');
    }
  });

  it('while it imports leaves whole episodes, and the same command makes the others', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const out = join(root, `import-${round}`);
      const args = ['import-data', set, '--out', out];
      await runAndKill(args, () => begins(out, 'stub'));
      for (const { missing, result } of await episodesIn(out))
        assert.deepEqual([missing, result?.outcome], [[], 'success']);
      assert.equal((await nalu(args)).code, 0);
      assert.equal((await episodesIn(out)).length, EPISODES);
      assert.ok((await readdir(out)).every((name) => name.endsWith('.mcap')));
    }
  });

  it('while it gives an episode its name leaves no second name of it, once the command has run again', async () => {
    const out = join(root, 'named');
    const args = ['import-data', set, '--out', out];
    assert.equal((await nalu(args)).code, 0);
    const [path] = await readdir(out);
    await link(join(out, path), join(out, `${path}.partial`));
    assert.equal((await nalu(args)).code, 0);
    assert.equal((await readdir(out)).length, EPISODES);
    assert.equal((await episodesIn(out)).length, EPISODES);
  });
});
