import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { readJsonLines } from '../../src/files/jsonLines.ts';
import { nalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { writeTinyAloha } from './tinyAloha.ts';

describe('nalu adapt by another method than FPO', { timeout: 120_000 }, () => {
  it('explores an offset of each attempt’s own, learns from all, and says so where none succeeds', () =>
    withFolder(async (root) => {
      const [policy, run] = ['policy', 'run'].map((name) => join(root, name));
      await writeTinyAloha(policy);
      const args = ['adapt', run, '--policy', policy, '--method', 'offset', '--attempts', '0'];
      const { code, out, err } = await nalu([...args, '--batch', '2', '--episodes', '4']);
      assert.equal(code, 0, err);
      assert.match(out, /update 2: .*all of its 4 attempts failed/);

      const offsets: string[] = [];
      for (const { path } of await listEpisodes(join(run, 'learner/episodes'))) {
        const { chunks } = await readEpisode(path);
        const own = new Set(chunks.map(({ offset }) => String(offset)));
        assert.equal(own.size, 1, 'one for all chunks of an attempt');
        offsets.push(...own);
      }
      assert.equal(new Set(offsets).size, 4);
      const log = await readJsonLines<{ report?: { offset: number[] } }>(join(run, 'learner/log.jsonl')); // prettier-ignore
      assert.deepEqual(new Set(log.flatMap(({ report }) => report?.offset ?? [])), new Set([0]));
    }));
});
