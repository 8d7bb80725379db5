import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { balancedBatch } from '../../src/learning/batch.ts';
import type { Learner } from '../../src/learning/learner.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { BATCH, changed, makeAttempts, nameOf, openTinyLearner, writeEpisode } from './attempts.ts';

let root: string;
let bundle: string;
let attempts: Episode[];

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nalu-batch-'));
  bundle = join(root, 'policy');
  attempts = await makeAttempts(bundle, 3 * BATCH);
});
after(() => rm(root, { recursive: true }));

describe('the attempts of an update', { timeout: 120_000 }, () => {
  it('are of all robots alike, the oldest of each, and others fill up for one that has few', () => {
    const waiting = (robots: Record<string, number>) =>
      Object.entries(robots)
        .flatMap(([robot, count]) =>
          Array.from({ length: count }, (_, i) => ({ id: `${i}-${robot}`, path: '', robot })),
        )
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    const ids = (robots: Record<string, number>) =>
      balancedBatch(waiting(robots), 6).map(({ id }) => id);
    assert.deepEqual(ids({ quick: 9, slow: 3 }), ['0-quick', '0-slow', '1-quick', '1-slow', '2-quick', '2-slow']); // prettier-ignore
    assert.deepEqual(ids({ quick: 9, slow: 1 }), ['0-quick', '0-slow', '1-quick', '2-quick', '3-quick', '4-quick']); // prettier-ignore
  });

  it('leave out those of versions too old, which count for these and are recorded as such', () =>
    withFolder(async (folder) => {
      const learner = await openTinyLearner(folder, bundle, {}, undefined, { mostBehind: 1 });
      const { base } = await loadBundle(bundle);
      const hand = async (to: Learner, of: number, version: string) => {
        for (let i = of * BATCH; i < (of + 1) * BATCH; i++) {
          const policyVersion = `${base}+${version}`;
          const episode = changed(attempts[i], { policyVersion });
          const path = await writeEpisode(join(folder, 'episodes'), nameOf(i), episode);
          to.add({ id: nameOf(i), path, version: policyVersion, outcome: episode.result!.outcome });
        }
      };
      const first = learner.current().version;
      for (const of of [0, 1]) {
        await hand(learner, of, first);
        assert.equal((await learner.advance())!.at(-1)!.event, 'published');
      }
      await hand(learner, 2, first);
      const events = (await learner.advance())!;
      assert.deepEqual(new Set(events.map(({ event }) => event)), new Set(['left out']));
      assertSaid('reason' in events[0] ? events[0].reason : '', '2 versions older', 'at most 1');
      assert.equal(learner.versions()[0].attempts, 3 * BATCH);
      assert.equal(learner.consumed(), 3 * BATCH);
      assert.equal(await learner.advance(), undefined);
      await learner.close();
    }));
});
