import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Label,
  correctedResult,
  labelEpisode,
  labelsOf,
  mergeLabels,
  newestLabel,
} from '../../src/episodes/labels.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { headerOf, play, success } from './recording.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-labels-'));
after(() => rm(folder, { recursive: true }));

const record = async (id: string, chunks = 1) => {
  const recorder = await recordEpisode(folder, headerOf(id));
  await play(recorder, chunks);
  return recorder.finish(success);
};

const listed = async (path: string) =>
  (await listEpisodes(folder)).find((episode) => episode.path === path)!;

const labels = fc.array(
  fc.record(
    {
      at: fc.integer({ min: 0, max: 3 }),
      by: fc.constantFrom('a', 'b'),
      outcome: fc.constantFrom('success', 'failure', 'discarded'),
      bytes: fc.constant(1),
    },
    { noNullPrototype: true },
  ) satisfies fc.Arbitrary<Label>,
);

describe('a label', () => {
  it('corrects the outcome wherever an episode is read, and leaves its file as it is', async () => {
    const path = await record('corrected');
    const before = await readFile(path);
    await labelEpisode(path, { by: 'Ada', outcome: 'failure', note: 'it "fell" afterwards' });
    assert.deepEqual(await readFile(path), before);

    const failure = { ...success, outcome: 'failure', reward: 0 };
    const { result, recorded } = await readEpisode(path);
    assert.deepEqual([result, recorded], [failure, success]);
    const line = await listed(path);
    assert.ok(line.state === 'finished');
    const { header, ...rest } = line;
    assert.equal(header.id, 'corrected');
    assert.deepEqual(rest, {
      ...{ id: 'corrected', path, state: 'finished' },
      ...{ result: failure, recorded: success, label: 'failure', version: 'v1' },
    });
    assert.deepEqual(
      (await labelsOf(path)).map(({ by, outcome, note }) => ({ by, outcome, note })),
      [{ by: 'Ada', outcome: 'failure', note: 'it "fell" afterwards' }],
    );
  });

  it('takes the reward with it', () => {
    const rewards = (['success', 'failure', 'discarded'] as const).map(
      (outcome) => correctedResult(success, [{ at: 1, by: '', outcome, bytes: 1 }]).reward,
    );
    assert.deepEqual(rewards, [1, 0, null]);
  });

  it('gives way to a later one, also where the clock was set back', async () => {
    const path = await record('again');
    const { bytes } = await labelEpisode(path, { by: 'Ada', outcome: 'failure' });
    const at = Date.now() + 1e9;
    await mergeLabels(path, [{ at, by: 'another clock', outcome: 'discarded', bytes }]);
    await labelEpisode(path, { by: 'Ada', outcome: 'success' });
    const { result, recorded } = await readEpisode(path);
    assert.deepEqual([result, recorded], [success, undefined]);
    assert.equal((await labelsOf(path)).length, 3);
  });

  it('counts by its time, in whatever order labels came, and however often', () => {
    fc.assert(
      fc.property(
        labels.chain((made) =>
          fc.tuple(
            fc.constant(made),
            fc.shuffledSubarray([...made, ...made], { minLength: made.length }),
          ),
        ),
        ([made, arrived]) => {
          const all = [...made, ...arrived].reverse();
          assert.deepEqual(newestLabel(all), newestLabel(made));
          const last = Math.max(...made.map(({ at }) => at));
          assert.equal(newestLabel(all)?.at, made.length > 0 ? last : undefined);
        },
      ),
    );
  });

  it('is kept once however often it is merged', async () => {
    const path = await record('merged');
    const first = await labelEpisode(path, { by: 'Ada', outcome: 'failure' });
    const second = { ...first, at: first.at + 5, outcome: 'success' } as const;
    await mergeLabels(path, [second, first]);
    await mergeLabels(path, [first, second]);
    assert.deepEqual(await labelsOf(path), [first, second]);
  });

  it('says nothing of another recording under the same name', async () => {
    const path = await record('twice');
    await labelEpisode(path, { by: 'Ada', outcome: 'failure' });
    await rm(path);
    assert.deepEqual(await labelsOf(path), []);
    await record('twice', 2);
    assert.deepEqual((await readEpisode(path)).result, success);
  });

  it('that was cut off is passed over, and the next one takes its place', async () => {
    const path = await record('cut');
    const label = await labelEpisode(path, { by: 'Ada', outcome: 'failure' });
    await appendFile(join(folder, 'cut.labels.jsonl'), '{"at":99');
    assert.deepEqual(await labelsOf(path), [label]);
    await labelEpisode(path, { by: 'Ada', outcome: 'success' });
    assert.equal((await labelsOf(path)).length, 2);
  });

  it('that is none is told with its file, and the episode is not taken for what it was recorded as', async () => {
    const path = await record('wrong');
    const file = join(folder, 'wrong.labels.jsonl');
    await writeFile(file, '{"at":1,"by":"Ada","outcome":"splendid","bytes":1}\n');
    const wrong = { kind: 'invalid', subject: 'wrong.labels.jsonl: label 1', fields: ['outcome'] } as const; // prettier-ignore
    await assertRejectsAbout(readEpisode(path), wrong);
    const line = await listed(path);
    assertSaid(line.state === 'unreadable' ? line.reason : '', 'label 1', 'outcome');
    await assertRejectsAbout(labelEpisode(path, { by: 'Ada', outcome: 'failure' }), wrong);
    await rm(file);
  });

  it('is for finished episodes that are there', async () => {
    const label = { by: 'Ada', outcome: 'failure' } as const;
    await assertRejectsAbout(labelEpisode(join(folder, 'one.mcap.partial'), label), {
      kind: 'invalid',
      subject: 'one.mcap.partial',
    });
    await assertRejectsAbout(labelEpisode(join(folder, 'gone.mcap'), label), {
      kind: 'missing',
      subject: 'gone.mcap',
    });
  });
});
