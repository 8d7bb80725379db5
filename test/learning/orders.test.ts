import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { labelEpisode } from '../../src/episodes/labels.ts';
import { wholePath } from '../../src/episodes/files.ts';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { isThere } from '../../src/files/isThere.ts';
import { readEvents } from '../../src/learning/events.ts';
import type { Learner } from '../../src/learning/learner.ts';
import { readRun, stateFile } from '../../src/learning/learnerFolder.ts';
import { readLearning } from '../../src/learning/learningTopic.ts';
import { ordersFile, readOrders } from '../../src/learning/orders.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { BATCH, makeAttempts, nameOf, openTinyLearner, writeEpisode } from './attempts.ts';

let root: string;
let bundle: string;
let attempts: Episode[];

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nalu-orders-'));
  bundle = join(root, 'policy');
  attempts = await makeAttempts(bundle, 3 * BATCH);
});
after(() => rm(root, { recursive: true }));

/** Hands a batch to a learner, recorded where it is not yet. */
async function hand(learner: Learner, folder: string, batch: number) {
  for (let i = batch * BATCH; i < (batch + 1) * BATCH; i++) {
    const id = nameOf(i);
    const path = wholePath(join(folder, 'episodes'), id);
    if (!(await isThere(path))) await writeEpisode(join(folder, 'episodes'), id, attempts[i]);
    learner.add({ id, path });
  }
}

/** A learner that has published as many versions. */
async function learnedTwice(folder: string): Promise<Learner> {
  const learner = await openTinyLearner(folder, bundle);
  for (const batch of [0, 1]) {
    await hand(learner, folder, batch);
    assert.equal((await learner.advance())!.at(-1)!.event, 'published');
  }
  return learner;
}

const stateOf = async (folder: string) =>
  (await readLearning(folder)).versions.map(({ state }) => state);

describe("a person's orders to a learner", { timeout: 180_000 }, () => {
  it('pause it until it is resumed, also when it is opened again', () =>
    withFolder(async (folder) => {
      const learner = await openTinyLearner(folder, bundle);
      await hand(learner, folder, 0);
      assert.deepEqual(await learner.pause(true, 'Anna'), { event: 'paused', by: 'Anna' });
      assert.equal(await learner.advance(), undefined);
      await learner.close();

      const again = await openTinyLearner(folder, bundle);
      await hand(again, folder, 0);
      assert.equal(await again.advance(), undefined);
      assert.equal((await readLearning(folder)).paused, true);
      await again.pause(false, 'Ben');
      assert.equal((await again.advance())![0].event, 'published');
      await again.close();
      const told = (await readEvents(folder)).map((event) => [event.event, 'by' in event && event.by]); // prettier-ignore
      assert.deepEqual(told.slice(0, 2), [['paused', 'Anna'], ['resumed', 'Ben']]); // prettier-ignore
    }));

  it('take the robot back to any version that the current one descends from, and learning goes on from there', () =>
    withFolder(async (folder) => {
      const learner = await learnedTwice(folder);
      const [first, second, third] = learner.versions().map(({ version }) => version);
      await learner.rollBack(first, 'Anna');
      assert.equal(learner.played().version, first, 'the robot need not wait for the learner');
      assert.equal(learner.current().version, third);
      assert.deepEqual(await learner.advance(), [
        { event: 'rolled back', version: third, to: first, by: 'Anna' },
      ]);
      assert.equal(learner.current().version, first);
      assert.deepEqual(
        learner.versions().map(({ rolledBack }) => rolledBack),
        [false, true, true],
      );
      assert.deepEqual(await stateOf(folder), ['published', 'rolled back', 'rolled back']);
      assert.deepEqual(await readOrders(folder), {});

      await assertRejectsAbout(learner.rollBack(second, 'Anna'), { kind: 'mismatch', fields: [second] }); // prettier-ignore
      await assertRejectsAbout(learner.rollBack('none', 'Anna'), { kind: 'missing', fields: ['none'] }); // prettier-ignore
      await hand(learner, folder, 2);
      assert.equal((await learner.advance())!.at(-1)!.event, 'published');
      assert.equal(learner.current().parent, first);
      await learner.close();
    }));

  it('take the robot back at once while an update is under way, and that one is taken back too', () =>
    withFolder(async (folder) => {
      const learner = await openTinyLearner(folder, bundle);
      await hand(learner, folder, 0);
      await learner.advance();
      const first = learner.versions()[0].version;
      await hand(learner, folder, 1);
      const update = learner.advance();
      await learner.rollBack(first, 'Anna');
      assert.equal(learner.versions().length, 2, 'the update is under way');
      assert.equal(learner.played().version, first);
      assert.equal((await update)!.at(-1)!.event, 'published');
      assert.equal(learner.played().version, first);
      const made = learner.current().version;
      const [event] = (await learner.advance())!;
      assert.deepEqual(event, { event: 'rolled back', version: made, to: first, by: 'Anna' });
      assert.deepEqual(
        learner.versions().map(({ rolledBack }) => rolledBack),
        [false, true, true],
      );
      await learner.close();
    }));

  it('go back wholly or not at all, whenever a kill comes between', () =>
    withFolder(async (folder) => {
      const learner = await learnedTwice(folder);
      const [first, , third] = learner.versions().map(({ version }) => version);
      const before = await readFile(stateFile(folder));
      await learner.rollBack(first, 'Anna');
      const ordered = await readFile(ordersFile(folder));
      await learner.close();

      // Killed before the learner followed: the robot plays the version, and the next learner follows.
      const second = await openTinyLearner(folder, bundle);
      assert.equal(second.played().version, first);
      await second.advance();
      const done = await readFile(stateFile(folder));
      await second.close();

      // Killed when the state was written and the order not yet struck out.
      await writeFile(ordersFile(folder), ordered);
      const again = await openTinyLearner(folder, bundle);
      assert.deepEqual(await again.advance(), [], 'there is nothing left to do');
      assert.deepEqual(await readOrders(folder), {});
      assert.ok(done.equals(await readFile(stateFile(folder))));
      await again.close();

      // Killed when the event was logged and the state not yet written.
      await writeFile(stateFile(folder), before);
      await writeFile(ordersFile(folder), ordered);
      const last = await openTinyLearner(folder, bundle);
      const events = await last.advance();
      assert.deepEqual(events, [{ event: 'rolled back', version: third, to: first, by: 'Anna' }]);
      assert.ok(done.equals(await readFile(stateFile(folder))));
      await last.close();
    }));

  it('pin a version: the robot plays it, and updates wait until it is released', () =>
    withFolder(async (folder) => {
      const learner = await learnedTwice(folder);
      const [first, second, third] = learner.versions().map(({ version }) => version);
      await learner.pin(second, 'Anna');
      await hand(learner, folder, 2);
      assert.equal(await learner.advance(), undefined);
      assert.deepEqual([learner.played().version, learner.current().version], [second, third]);
      await assertRejectsAbout(learner.pin('none', 'Anna'), { kind: 'missing', fields: ['none'] });
      await assertRejectsAbout(learner.rollBack(first, 'Anna'), { kind: 'unready', fields: [second] }); // prettier-ignore
      const { pinned, plays } = await readLearning(folder);
      assert.deepEqual([pinned, plays], [second, second]);
      await learner.close();

      const again = await openTinyLearner(folder, bundle);
      assert.equal(again.played().version, second);
      await again.pin(null, 'Ben');
      assert.equal(again.played().version, third);
      await assertRejectsAbout(again.pin(null, 'Ben'), { kind: 'unready' });
      await hand(again, folder, 2);
      assert.equal((await again.advance())!.at(-1)!.event, 'published');
      assert.equal((await readRun(folder))!.versions.at(-1)!.parent, third);
      await again.close();
    }));

  it('are refused where they name a version that is not there, and nothing is changed', () =>
    withFolder(async (folder) => {
      await (await openTinyLearner(folder, bundle)).close();
      const state = await readFile(stateFile(folder));
      const pinned = { version: 'gone', by: 'Anna', at: 0 };
      await writeFile(ordersFile(folder), JSON.stringify({ pinned }));
      await assertRejectsAbout(openTinyLearner(folder, bundle), {
        ...{ kind: 'mismatch', subject: 'orders.json', fields: ['gone'] },
      });
      await writeFile(ordersFile(folder), '{"pinned":3}');
      await assertRejectsAbout(openTinyLearner(folder, bundle), {
        ...{ kind: 'invalid', subject: 'orders.json', fields: ['pinned'] },
      });
      assert.ok(state.equals(await readFile(stateFile(folder))));
    }));
});

describe("what a learner's folder tells", { timeout: 60_000 }, () => {
  it('has its updates with intervals, its versions with their attempts, and what waits', () =>
    withFolder(async (folder) => {
      const learner = await learnedTwice(folder);
      await hand(learner, folder, 2);
      await writeEpisode(join(folder, 'episodes'), 'more', attempts[0]);
      const told = await readLearning(folder);
      await learner.close();
      assert.equal(told.waiting, BATCH + 1);
      assert.equal(told.consumed, 2 * BATCH);
      assert.equal(told.plays, learner.current().version);
      assert.deepEqual(
        told.versions.map(({ version, parent }) => [version, parent]),
        learner.versions().map(({ version, parent }) => [version, parent]),
      );
      assert.equal(told.versions[0].attempts, 2 * BATCH, 'both batches are of the first version');
      const [point, next] = told.points;
      assert.deepEqual([point.episodes, next.episodes], [BATCH, 2 * BATCH]);
      assert.deepEqual([point.attempts, point.successes], [BATCH, BATCH / 2]);
      // Wilson's interval of 10 of 20.
      assert.deepEqual(point.interval.map((at) => at.toFixed(3)), ['0.299', '0.701']); // prettier-ignore
      for (const figure of [
        'explainedVariance',
        'valueLoss',
        'approxKl',
        'clipFraction',
        'ratioLeast',
        'ratioMost',
        'expectedGain',
      ] as const)
        // prettier-ignore
        assert.ok(Number.isFinite(point[figure]), figure);
      const { update, attempts: along } = told.values!;
      assert.equal(update, 2);
      assert.deepEqual(along.map(({ succeeded }) => succeeded), Array.from({ length: 8 }, (_, i) => i >= 4)); // prettier-ignore
      for (const { times, values } of along) {
        assert.deepEqual(times, [0]);
        assert.ok(values[0] > 0 && values[0] < 1, String(values[0]));
      }
      assertSaid(told.log.at(-1)!.text, 'update 2', '10 of 20 attempts');
    }));

  it('counts labels that the learner has not heard of, as it will, and changes nothing', () =>
    withFolder(async (folder) => {
      const learner = await learnedTwice(folder);
      await learner.close();
      const state = await readFile(stateFile(folder));
      const { id, path } = { id: nameOf(0), path: wholePath(join(folder, 'episodes'), nameOf(0)) };
      const counts = async () => {
        const [{ attempts, successes }] = (await readLearning(folder)).versions;
        return [attempts, successes];
      };
      assert.deepEqual(await counts(), [2 * BATCH, BATCH]);
      await labelEpisode(path, { by: 'Anna', outcome: 'failure' });
      assert.deepEqual(await counts(), [2 * BATCH, BATCH - 1]);
      await labelEpisode(path, { by: 'Anna', outcome: 'discarded' });
      assert.deepEqual(await counts(), [2 * BATCH - 1, BATCH - 1]);
      assert.ok(state.equals(await readFile(stateFile(folder))));

      const again = await openTinyLearner(folder, bundle);
      again.add({ id, path, label: 'discarded' });
      await again.advance();
      assert.deepEqual(await counts(), [2 * BATCH - 1, BATCH - 1], 'once, when it has heard too');
      await again.close();
    }));

  it('is empty where no learner was', () =>
    withFolder(async (folder) => {
      const { versions, points, log, waiting } = await readLearning(folder);
      assert.deepEqual([versions, points, log, waiting], [[], [], [], 0]);
    }));
});
