import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, after, describe, it } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { readCurve } from '../../src/learning/curve.ts';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import type { Learner } from '../../src/learning/learner.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { BATCH, TINY_METHODS, changed, ended, makeAttempts, nameOf, openTinyLearner, writeEpisode } from './attempts.ts'; // prettier-ignore
import { filteredImitation } from './filteredImitation.ts';

let root: string;
let bundle: string;
let attempts: Episode[];

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nalu-algorithms-'));
  bundle = join(root, 'policy');
  attempts = await makeAttempts(bundle, 3 * BATCH);
});
after(() => rm(root, { recursive: true }));

const open = (folder: string) => openTinyLearner(folder, bundle, {}, filteredImitation);

/** Records the attempts of update number `update`, and has the learner make it. */
async function advance(learner: Learner, folder: string, update: number, episodes: Episode[]) {
  for (const [i, episode] of episodes.entries()) {
    const id = nameOf(update * BATCH + i);
    learner.add({ id, path: await writeEpisode(join(folder, 'episodes'), id, episode) });
  }
  return (await learner.advance())!;
}

const batchOf = (update: number) => attempts.slice(update * BATCH, (update + 1) * BATCH);

describe('a learner with another algorithm than FPO', { timeout: 120_000 }, () => {
  it('publishes its versions, goes on from its folder, and draws what its log holds', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const first = learner.current().version;
      const [event] = await advance(learner, folder, 0, batchOf(0));
      assert.equal(event.event, 'published');
      assertSaid(describeEvent(event), 'update 1', '10 of 20 attempts');
      const { version, parent } = learner.current();
      assert.equal(parent, first);
      await learner.close();

      const again = await open(folder);
      assert.equal(again.current().version, version);
      const [next] = await advance(again, folder, 1, batchOf(1));
      assert.equal('report' in next && next.report.update, 2);
      await again.close();
      const [{ points }] = await readCurve(folder);
      assert.deepEqual(points.map(({ episodes }) => episodes), [0, BATCH]); // prettier-ignore
    }));

  it('restores the state before an update that fails', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const { version } = learner.current();
      const failures = batchOf(0).map((episode) => ended(episode, false));
      const [event] = await advance(learner, folder, 0, failures);
      assertSaid('reason' in event ? event.reason : '', 'no success to imitate');
      assert.equal(learner.current().version, version);
      const [next] = await advance(learner, folder, 1, batchOf(1));
      assert.equal('report' in next && next.report.update, 1);
      await learner.close();
    }));

  it('rolls back to a version that was better', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const { base } = await loadBundle(bundle);
      const first = learner.current();
      await advance(learner, folder, 0, batchOf(0).map((episode, i) => ended(episode, i > 0))); // prettier-ignore
      const policyVersion = `${base}+${learner.current().version}`;
      const worse = batchOf(1).map((episode) => changed(ended(episode, false), { policyVersion }));
      const [event] = await advance(learner, folder, 1, worse);
      assert.equal(event.event, 'rolled back');
      assert.deepEqual(learner.current(), first);
      const [next] = await advance(learner, folder, 2, batchOf(2));
      assert.equal(next.event, 'published');
      assert.equal(learner.current().parent, first.version);
      await learner.close();
    }));

  for (const [method, names] of [
    ['fpo', ['--method fpo']],
    ['offset', ['--method view or offset']],
  ] as const)
    it(`does not take a folder that ${method} began, and names the method`, () =>
      withFolder(async (folder) => {
        const begun = await openTinyLearner(folder, bundle, {}, TINY_METHODS[method]);
        await begun.close();
        for (const other of [filteredImitation, TINY_METHODS.ticket])
          await assertRejectsAbout(openTinyLearner(folder, bundle, {}, other), {
            ...{ kind: 'mismatch', subject: 'state.safetensors', fields: ['--method'], names },
          });
      }));

  it('does not take a state of another version of its method', () =>
    withFolder(async (folder) => {
      await (await openTinyLearner(folder, bundle)).close();
      const file = join(folder, 'state.safetensors');
      const { metadata } = await readSafetensorsHeader(file);
      await writeSafetensors(file, [], { ...metadata, format: 'nalu-fpo-1' });
      await assertRejectsAbout(openTinyLearner(folder, bundle), {
        ...{ kind: 'invalid', subject: file, names: ['nalu-fpo-2'] },
      });
    }));
});
