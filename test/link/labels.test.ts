import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { labelEpisode, labelsOf } from '../../src/episodes/labels.ts';
import type { Outcome } from '../../src/episodes/episode.ts';
import type { KeptEpisode } from '../../src/link/learner/store.ts';
import { assertSaid } from '../refusals.ts';
import { MAKERS, type Place, kept, names, putEpisodes, until, withPlace } from './link.ts';

const LIMIT = { timeout: 300_000 };

const label = (folder: string, name: string, outcome: Outcome) =>
  labelEpisode(join(folder, `${name}.mcap`), { by: 'Ada', outcome });

/** The labels beside the learner's copy of an episode. */
const keptLabels = (learner: string, name: string) =>
  labelsOf(join(learner, 'episodes', `${name}.mcap`));

for (const maker of MAKERS) {
  const at = (body: (place: Place) => Promise<void>) => withPlace(body, maker);

  describe(
    `labels on their way to the learner over ${maker.name}`,
    { ...LIMIT, skip: maker.skip },
    () => {
      it('come with an episode that was labelled before it went', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime }) => {
          await putEpisodes(episodes, names(2));
          const made = await label(episodes, 'episode-0001', 'discarded');
          const heard: KeptEpisode[] = [];
          await openLearner({ onEpisode: (episode) => heard.push(episode) });
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 2 && heard.length === 2);
          assert.deepEqual(
            heard.map(({ name, label }) => [name, label]),
            [
              ['episode-0000', undefined],
              ['episode-0001', 'discarded'],
            ],
          );
          assert.deepEqual(await keptLabels(learnerFolder, 'episode-0001'), [made]);
        }));

      it('come later too, one after the other, and are not offered again once they are acknowledged', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime, heard }) => {
          await putEpisodes(episodes, names(2));
          const corrected: (string | undefined)[] = [];
          const onLabels = ({ name, label }: KeptEpisode) => corrected.push(`${name} ${label}`);
          const port = await openLearner({ onLabels });
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 2);
          const made = [await label(episodes, 'episode-0000', 'failure')];
          courier.notify();
          await until(() => corrected.length === 1 && courier.status().acknowledged === 2);
          await port.close();
          made.push(await label(episodes, 'episode-0000', 'success'));
          courier.notify();
          await until(() => courier.status().pending === 1);
          const again = await openLearner({ onLabels });
          await until(() => courier.status().acknowledged === 2);
          await courier.close();

          const last = await openRuntime();
          await until(() => last.status().connected);
          assert.deepEqual([last.status().pending, last.status().acknowledged], [0, 2]);
          await again.close();
          // Labels that are offered to two lives of a learner may be told of twice.
          assert.deepEqual(
            [...new Set(corrected)],
            ['episode-0000 failure', 'episode-0000 success'],
          );
          assert.deepEqual(await keptLabels(learnerFolder, 'episode-0000'), made);
          assert.equal(heard.length, 2);
        }));

      it('are kept once, though their acknowledgement was lost', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime, heard }) => {
          await putEpisodes(episodes, names(1));
          const made = await label(episodes, 'episode-0000', 'failure');
          await openLearner();
          for (let life = 0; life < 3; life++) {
            const courier = await openRuntime();
            await until(() => courier.status().acknowledged === 1);
            await courier.close();
            await rm(join(episodes, 'acknowledged.txt'));
          }
          assert.deepEqual(await keptLabels(learnerFolder, 'episode-0000'), [made]);
          assert.equal(heard.length, 1);
        }));

      it('stay with their own episode, where two robots gave two of them one name', () =>
        at(async ({ folder, learnerFolder, openLearner, openRuntime }) => {
          await openLearner();
          for (const robot of ['a', 'b']) {
            const episodes = join(folder, robot);
            const [content] = (await putEpisodes(episodes, ['one'])).values();
            const adapters = join(folder, `${robot}-adapters`);
            const courier = await openRuntime({ episodes, adapters }, robot);
            await until(() => courier.status().acknowledged === 1);
            const made = await label(episodes, 'one', robot === 'a' ? 'success' : 'failure');
            courier.notify();
            const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
            const name = robot === 'a' ? 'one' : `one-${hash}`;
            await until(async () => (await keptLabels(learnerFolder, name)).length === 1);
            assert.deepEqual(await keptLabels(learnerFolder, name), [made]);
          }
          const [first] = await keptLabels(learnerFolder, 'one');
          assert.equal(first.outcome, 'success');
        }));

      it('that cannot be read keep their episode back alone, which goes once they are mended', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime, runtimeLog }) => {
          await putEpisodes(episodes, names(2));
          const file = join(episodes, 'episode-0000.labels.jsonl');
          await writeFile(file, 'a failure\n');
          await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 1 && runtimeLog.length > 0);
          assertSaid(runtimeLog[0], 'episode-0000', 'episode-0000.labels.jsonl', 'line 1');
          await rm(file);
          courier.notify();
          await until(() => courier.status().acknowledged === 2);
          assert.equal((await kept(learnerFolder)).size, 2);
        }));

      it('that a kill cut off are not sent, and do not keep their episode back', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime }) => {
          await putEpisodes(episodes, names(1));
          const made = await label(episodes, 'episode-0000', 'failure');
          await appendFile(join(episodes, 'episode-0000.labels.jsonl'), '{"at":');
          await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 1);
          const file = join(learnerFolder, 'episodes', 'episode-0000.labels.jsonl');
          assert.equal(await readFile(file, 'utf8'), `${JSON.stringify(made)}\n`);
        }));
    },
  );
}
