import assert from 'node:assert/strict';
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startLearner } from '../../src/adapting/learnerProcess.ts';
import { readRun } from '../../src/learning/learnerFolder.ts';
import { readOrders } from '../../src/learning/orders.ts';
import {
  BATCH,
  SETTINGS,
  changed,
  ended,
  giveAdapter,
  makeAttempts,
  nameOf,
  writeEpisode,
} from '../learning/attempts.ts';
import { type TestPage, openPage } from '../console/client.ts';
import { urlIn } from '../console/said.ts';
import { until } from '../link/link.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { withFolder } from '../onnx/run.ts';
import { CALIBRATION, part, withLearner } from './learnerPlace.ts';
import { type About, assertRejectsAbout, assertSaid, assertSaidIn } from '../refusals.ts';
import { assertFails, nalu, spawnNalu } from './nalu.ts';

const LONG = { maxKl: 1e9, maxClipFraction: 1 };

/** A learner's folder with the episodes of an update, and the arguments of `nalu learn` there. */
async function withEpisodes(folder: string, change: object) {
  const [policy, at] = ['policy', 'learner'].map((name) => join(folder, name));
  const attempts = await makeAttempts(policy, BATCH);
  for (const [i, episode] of attempts.entries())
    await writeEpisode(join(at, 'episodes'), nameOf(i), episode);
  const [calibration, config] = ['calibration.yaml', 'fpo.yaml'].map((name) => join(folder, name));
  await writeFile(calibration, CALIBRATION);
  await writeFile(config, JSON.stringify({ ...SETTINGS, seed: undefined, ...change }));
  const args = [
    ...['learn', at, '--policy', policy, '--calibration', calibration, '--config', config],
    ...['--batch', String(BATCH), '--cores', 'shared'],
  ];
  return { args, at };
}

describe('nalu learn', { timeout: 300_000 }, () => {
  it('sends the parent again where a version proves worse, and goes on from it', () =>
    withLearner(async ({ bundle, attempts, learner, events, adopted, send }) => {
      await send(part(attempts, 0).map((episode, i) => ended(episode, i > 0)));
      await until(() => adopted.length === 1);
      const [version] = adopted;
      assert.equal(learner.version(), version);

      const signed = (of: number, by: string) =>
        part(attempts, of).map((episode) =>
          changed(episode, { policyVersion: `${bundle.base}+${by}` }),
        );
      await send(signed(1, version).map((episode) => ended(episode, false)));
      await until(() => adopted.length === 2);
      const [, parent] = adopted;
      assert.deepEqual(
        events.map((event) => event.event),
        ['published', 'rolled back'],
      );
      assert.equal(learner.version(), parent);

      await send(signed(2, parent));
      await until(() => adopted.length === 3);
      const last = events.at(-1)!;
      assert.equal('parent' in last && last.parent, parent);
    }));

  it('gives the robot the version that a person orders, and goes back where it is told to', () =>
    withLearner(async ({ attempts, learner, events, adopted, send }) => {
      await send(part(attempts, 0));
      await until(() => adopted.length === 1);
      const [second] = adopted;
      const [published] = events;
      const first = 'parent' in published ? published.parent : '';
      const pinned = await learner.order('pin', first, 'Anna');
      assertSaid(pinned, 'Anna', first);
      await until(() => adopted.length === 2);
      assert.equal(learner.version(), first);
      await learner.order('pin', null, 'Anna');
      await until(() => adopted.length === 3);
      await assertRejectsAbout(learner.order('rollBack', 'none', 'Anna'), {
        ...{ kind: 'missing', fields: ['none'] },
        names: ['none'],
      });
      await learner.order('rollBack', first, 'Anna');
      await until(() => adopted.length === 4 && events.at(-1)!.event === 'rolled back');
      assert.deepEqual(adopted, [second, first, second, first]);
      assert.deepEqual(events.at(-1), { ...events.at(-1), version: second, to: first, by: 'Anna' });
      assert.equal(learner.version(), first);

      await send(part(attempts, 1));
      await until(() => adopted.length === 5);
      const last = events.at(-1)!;
      assert.equal('parent' in last && last.parent, first);
    }));

  it('goes back as it was ordered from its page, though it is killed in the same moment', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, {});
      /** Visits the page of a learner until it is killed. */
      const live = async (visit: (page: TestPage) => Promise<void>) => {
        let visited: Promise<void> | undefined;
        let said = '';
        const { err } = await spawnNalu([...args, '--console', '0'], (child) =>
          child.stdout!.on('data', (text: Buffer) => {
            const url = urlIn((said += text.toString()));
            if (url === undefined) return;
            visited ??= openPage(url, { hello: { name: 'Anna' } })
              .then(visit)
              .finally(() => child.kill('SIGKILL'));
          }),
        );
        assert.equal(err, '');
        await visited;
      };
      let first: string | undefined;
      await live(async (page) => {
        await page.until(() => page.topics.learning?.versions.length === 2, 'a version', 120);
        first = page.topics.learning!.versions[0].version;
        const { ok, says } = await page.ask('rollBack', { version: first });
        assert.ok(ok, says);
      });
      await live(async (page) => {
        await page.until(
          () => page.topics.learning?.versions[1]?.state === 'rolled back',
          'it',
          60,
        );
        assert.equal(page.topics.learning!.plays, first);
        assertSaid(page.topics.learning!.log.at(-1)!.text, 'Anna', first!);
      });
      assert.deepEqual(await readOrders(at), {});
      assert.equal((await readRun(at))!.current, first);
    }));

  it('learns from each of two episodes of one name', () =>
    withLearner(async ({ attempts, events, send }) => {
      await send(part(attempts, 0), 'one');
      await send(part(attempts, 1), 'other');
      assert.deepEqual(
        events.map((event) => event.event),
        ['published', 'published'],
      );
    }));

  it('improves a policy that has an adapter already', () =>
    withLearner(
      async ({ attempts, learner, adopted, send }) => {
        await send(part(attempts, 0));
        await until(() => adopted.length === 1);
        assert.equal(learner.version(), adopted[0]);
      },
      { prepare: giveAdapter },
    ));

  it('ends at the first signal while an update is under way', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, { epochs: 1e9, trustRegion: LONG });
      const { code, out, err } = await spawnNalu(args, (child) => {
        const stop = async () => {
          await until(async () => (await readdir(at)).includes('begun.json'));
          await setTimeout(500);
          child.kill('SIGTERM');
        };
        void stop();
      });
      assert.equal(err, '');
      assertSaid(out.trim().split('\n').at(-1)!, 'stopped by hand');
      assert.equal(code, 130);
    }));

  it('goes on in its folder alone as it was begun there, and without a line that was cut off', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, {});
      /** Learns here until episodes may come. */
      const untilReady = () => {
        const stop = new AbortController();
        const onOutput = (text: string) => {
          if (text.includes('"event":"ready"')) stop.abort();
        };
        return nalu([...args, '--json'], { signal: stop.signal, onOutput });
      };
      assert.equal((await untilReady()).code, 130);
      await appendFile(join(at, 'log.jsonl'), '{"time":"2026-01-01T00:00:00.000Z","event":"publ');
      const again = await untilReady();
      assert.equal(again.code, 130);
      assertSaidIn(again.err, 'log.jsonl');
      const others: [string[], string[]][] = [
        [
          [...args, '--seed', '7'],
          ['--seed: 0', '7 now'],
        ],
        [
          args.map((arg) => (arg.endsWith('calibration.yaml') ? SIM_CALIBRATION : arg)),
          ['--calibration', 'tiny then', 'aloha now'],
        ],
      ];
      for (const [other, names] of others)
        await assertFails(other, { kind: 'mismatch', subject: at, names });
    }));

  it('says in a sentence what cannot be made, and ends', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, {});
      const refused = async (about: About, more: string[] = []) => {
        const { err } = await assertFails([...args, ...more], about);
        assert.equal(err.trim().split('\n').length, 1, err);
      };
      const file = join(folder, 'file');
      await writeFile(file, '');
      const address = 'tcp://127.0.0.1:99999';
      const keyed = ['--address', address, '--keys', folder];
      await refused({ kind: 'invalid', subject: address, names: [99999] }, keyed);
      const episodes = join(at, 'episodes');
      await rm(episodes, { recursive: true });
      await writeFile(episodes, 'a file');
      await refused({ kind: 'exists', subject: episodes });
      args[1] = file;
      await refused({ kind: 'exists', subject: file });
      args[1] = join(file, 'learner');
      await refused({ kind: 'invalid', subject: args[1] });
    }));

  it('tells the process that has started it why it cannot begin, as programs are told', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      const said: string[] = [];
      const learner = startLearner([file], {
        onEvent: () => undefined,
        onText: (text) => said.push(text),
      });
      await assertRejectsAbout(learner.failed, { kind: 'exists', subject: file });
      await learner.stop();
      assert.deepEqual(said, []);
    }));
});
