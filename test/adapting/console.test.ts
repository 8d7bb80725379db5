import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { nalu, spawnNalu } from '../cli/nalu.ts';
import { showFolder } from '../../src/adapting/folderConsole.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { logEvents } from '../../src/learning/events.ts';
import { headerOf, play, success } from '../episodes/recording.ts';
import type { EpisodeLine } from '../../src/console/protocol.ts';
import { type TestPage, openPage } from '../console/client.ts';
import { urlIn } from '../console/said.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertSaid, assertSaidIn } from '../refusals.ts';
import { SETTINGS, commandOf, processesIn, runIn } from './survive.ts';
import { writeTinyAloha } from './tinyAloha.ts';

/** All files below a folder with the hashes of their contents. */
async function contentsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)); // prettier-ignore
  const hashes = files.sort().map(async (file) => [
    file,
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  ]);
  return Object.fromEntries((await Promise.all(hashes)) as [string, string][]);
}

async function learnerIn(folder: string): Promise<number | undefined> {
  for (const pid of await processesIn(folder))
    if ((await commandOf(pid))[2] === 'learn') return pid;
  return undefined;
}

/** Pauses the learner or has it go on, as soon as it is there to be asked. */
async function ordered(page: TestPage, paused: boolean): Promise<void> {
  for (let asked; !(asked = await page.ask('pauseLearning', { paused })).ok;) {
    assertSaid(asked.says, 'ask again');
    await setTimeout(200);
  }
}

/** Corrects the outcome of an attempt that was learned from: the learner hears of it, and its version counts it. */
async function corrected(page: TestPage): Promise<void> {
  const listed = await page.ask('episodes', null);
  assert.ok(listed.ok);
  const [first] = (listed.value as EpisodeLine[]).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const [{ successes }] = page.topics.learning!.versions;
  const [outcome, change] = first.outcome === 'success' ? (['failure', -1] as const) : (['success', 1] as const); // prettier-ignore
  assert.ok((await page.ask('label', { id: first.id, outcome })).ok);
  const isSaid = () => page.topics.learning!.log.some(({ text }) => text.includes(`${first.id} is labelled`)); // prettier-ignore
  await page.until(isSaid, 'what the learner says of it');
  await page.until(() => page.topics.learning!.versions[0].successes === successes + change, 'its version', 60); // prettier-ignore
}

/** Runs `nalu adapt` on a tiny policy for three updates, with its page. */
async function adapting(folder: string, visit: (page: TestPage) => Promise<void>) {
  await writeTinyAloha(join(folder, 'policy'));
  await writeFile(join(folder, 'fpo.yaml'), JSON.stringify(SETTINGS));
  let visited: Promise<void> | undefined;
  let said = '';
  const ended = await spawnNalu(
    [
      ...['adapt', runIn(folder), '--policy', join(folder, 'policy'), '--console', '0'],
      ...['--config', join(folder, 'fpo.yaml'), '--episodes', '6', '--batch', '2'],
      ...['--attempts', '2', '--evaluate-every', '1', '--processes', '1'],
    ],
    (child) =>
      child.stdout!.on('data', (text: Buffer) => {
        const url = urlIn((said += text.toString()));
        if (url !== undefined)
          visited ??= openPage(url, { hello: { name: 'Anna' } }).then(async (page) => {
            try {
              await visit(page);
            } catch (error) {
              child.kill('SIGTERM');
              throw error;
            }
            await page.close();
          });
      }),
  );
  await visited;
  return ended;
}

describe('the page of nalu adapt', { timeout: 300_000 }, () => {
  it('shows how it goes and pauses it, also through a kill of the learner; nalu console shows the same later, and touches nothing', () =>
    withFolder(async (folder) => {
      const { code, err } = await adapting(folder, async (page) => {
        await page.until(() => page.topics.learning?.points.length, 'an update', 120);
        await ordered(page, true);
        await page.until(() => page.topics.learning!.paused, 'the pause');
        const pid = await learnerIn(folder);
        const { versions, points } = page.topics.learning!;
        assert.equal(versions[0].state, 'published');
        await corrected(page);
        process.kill(pid!, 'SIGKILL');
        // Its attempts are made, and no update comes of them.
        const { waiting } = page.topics.learning!;
        await page.until(
          () => page.topics.learning!.waiting === 2 || page.topics.learning!.waiting > waiting,
          'attempts that wait',
          120,
        );
        assert.equal(page.topics.learning!.state, 'paused');
        assert.ok(page.topics.learning!.points.length <= points.length + 1);
        const held = page.topics.learning!.points.length;
        await ordered(page, false);
        await page.until(() => page.topics.learning!.points.length > held || held === 3, 'an update', 120); // prettier-ignore
        assert.ok(page.topics.learning!.evaluations.length > 0);
      });
      assert.equal(code, 0, err);
      const curve = await readFile(join(runIn(folder), 'curve.svg'), 'utf8');
      assert.match(curve, />tiny, \S+; 1 outcome corrected since</);

      const before = await contentsOf(runIn(folder));
      const stop = new AbortController();
      let seen: Promise<void> | undefined;
      let said = '';
      const shown = await nalu(['console', runIn(folder), '--port', '0'], {
        signal: stop.signal,
        onOutput(text) {
          const url = urlIn((said += text));
          if (url === undefined) return;
          seen ??= openPage(url).then(async (page) => {
            await page.until(() => page.topics.learning, 'the run');
            const { state, points, evaluations, method, log, answers } = page.topics.learning!;
            assert.deepEqual([state, method, answers], ['as recorded', 'fpo', []]);
            assert.deepEqual(points.map(({ episodes, attempts }) => [episodes, attempts]), [[2, 2], [4, 2], [6, 2]]); // prettier-ignore
            assert.deepEqual(evaluations.map(({ episodes }) => episodes), [0, 2, 4, 6]); // prettier-ignore
            const paused = assertSaidIn(log.map(({ text }) => text).join('\n'), 'Anna paused');
            assertSaidIn(paused, 'Anna resumed');
            assertSaid((await page.ask('pauseLearning', { paused: true })).says!, 'pauseLearning');
            await page.close();
            stop.abort();
          });
        },
      });
      await seen;
      assert.equal(shown.code, 130);
      assert.deepEqual(await contentsOf(runIn(folder)), before);
    }));

  it('of nalu console draws the curves anew when an outcome is corrected', () =>
    withFolder(async (folder) => {
      const learner = join(folder, 'learner');
      for (const id of ['one', 'two']) {
        const recorder = await recordEpisode(join(learner, 'episodes'), headerOf(id));
        await play(recorder, 1);
        await recorder.finish(success);
      }
      const report = { update: 1, attempts: 2, successes: 2 };
      const rewards = { one: 1, two: 1 };
      await logEvents(learner, [{ event: 'warmed up', report, rewards }]);
      const stop = new AbortController();
      let shown: Promise<void> | undefined;
      const url = await new Promise<string>((resolve) => {
        const place = { access: { host: '127.0.0.1' }, addresses: (at: string) => [at], port: 0 };
        const log = (line: string) => resolve(urlIn(`${line}\n`)!);
        shown = showFolder(folder, place, { log, signal: stop.signal });
      });
      const page = await openPage(url);
      try {
        await page.until(() => page.topics.learning?.points.length, 'the update');
        assert.equal(page.topics.learning!.points[0].corrected, undefined);
        assert.ok((await page.ask('label', { id: 'two', outcome: 'failure' })).ok);
        await page.until(() => page.topics.learning!.points[0].corrected, 'the correction');
        const [{ attempts, successes }] = page.topics.learning!.points;
        assert.deepEqual([attempts, successes], [2, 1]);
        for (const at of [learner, folder]) {
          const file = join(at, 'curve.svg');
          await page.until(() => existsSync(file), file);
          assert.match(await readFile(file, 'utf8'), /; 1 outcome corrected since</);
        }
      } finally {
        await page.close();
        stop.abort();
        await shown;
      }
    }));

  it('nalu console refuses what is no folder', async () => {
    const { code, failure } = await nalu(['console', '/nowhere/at/all', '--port', '0']);
    assertAbout(failure, { kind: 'missing', subject: '/nowhere/at/all' });
    assert.equal(code, 1);
  });
});
