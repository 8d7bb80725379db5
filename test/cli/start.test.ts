import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { makeFolder } from '../../src/files/makeFolder.ts';
import { recordBeginning } from '../../src/learning/begun.ts';
import { until } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { assertFails, nalu } from './nalu.ts';

const RUN = 'runs/start';

/** Runs a function in a folder, where `nalu start` puts what it makes. */
const within = (body: () => Promise<void>) =>
  withFolder(async (folder) => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      await body();
    } finally {
      process.chdir(before);
    }
  });

describe('nalu start', () => {
  it('makes attempts at the task that its policy was trained for', () =>
    within(async () => {
      const stop = new AbortController();
      const run = nalu(['start'], { signal: stop.signal });
      const recorded = () => readdir('episodes').then(({ length }) => length > 0, () => false); // prettier-ignore
      await Promise.race([run, until(recorded)]);
      stop.abort();
      const { code, err } = await run;
      assert.equal(code, 130, err);
      const [episode] = await listEpisodes('episodes');
      assert.ok(episode.state === 'finished', episode.state);
      assert.equal(episode.header.task, 'transfer-cube');
    }));

  it('learns at that task too: a run that was begun with another one is not gone on with', () =>
    within(async () => {
      await makeFolder(RUN);
      await recordBeginning(RUN, { task: 'insertion' });
      await assertFails(['start'], {
        ...{ kind: 'mismatch', subject: RUN },
        names: ['--task', 'insertion', 'transfer-cube'],
      });
    }));
});
