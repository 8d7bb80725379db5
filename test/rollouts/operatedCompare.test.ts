import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ServerMessage } from '../../src/console/protocol.ts';
import { unpack } from '../../src/console/wire.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { adaptedVersion, makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import type { KeptComparison } from '../../src/rollouts/comparison.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { nalu, spawnNalu } from '../cli/nalu.ts';
import { type TestPage, openPage } from '../console/client.ts';
import { urlIn } from '../console/said.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertSaid } from '../refusals.ts';

const LORA = { parameters: 'lora', rank: 2 } as const;

/** Writes adapters of a policy, each of its own small random values and view; gives their versions. */
async function writeAdapters(policy: string, folder: string, count: number): Promise<string[]> {
  const bundle = await loadBundle(policy);
  await mkdir(folder, { recursive: true });
  const versions: string[] = [];
  for (let seed = 0; seed < count; seed++) {
    const parameters = new Map(
      learnableOf(bundle)
        .parameters(LORA)
        .map(({ name, shape }, i) => {
          const size = shape.reduce((product, dim) => product * dim, 1);
          const data = gaussianNoise([seed, i], size).map((value) => value / 100);
          return [name, { shape, data }];
        }),
    );
    const view = new Float32Array(2 * bundle.cameras.length).fill((seed + 1) / 100);
    const adapter = makeAdapter({ trainable: LORA, base: bundle.base, parameters, view });
    await writeAdapter(join(folder, `${adapter.version}.safetensors`), adapter);
    versions.push(adaptedVersion(bundle.base, adapter));
  }
  return versions;
}

interface Place {
  page: TestPage;
  /** The bundle's own version, and those of the adapters. */
  versions: string[];
  recorded: string;
}

/** A simulated robot that is operated from a page, by a policy and its adapters. */
const withRobot = (body: (place: Place) => Promise<void>) =>
  withFolder(async (folder) => {
    const [policy, adapters, recorded] = ['policy', 'adapters', 'episodes'].map((name) =>
      join(folder, name),
    );
    await writeTinyAloha(policy);
    const adapted = await writeAdapters(policy, adapters, 2);
    let child: ChildProcess | undefined;
    const url = new Promise<string>((resolve) => {
      const args = ['--policy', policy, '--adapters', adapters, '--record', recorded];
      void spawnNalu(['sim', '--console', '0', ...args], (started) => {
        child = started;
        let said = '';
        started.stderr!.on('data', (text: Buffer) => {
          const found = urlIn((said += text.toString()));
          if (found !== undefined) resolve(found);
        });
      });
    });
    const page = await openPage(await url, { hello: { name: 'Anna' } });
    try {
      await page.until(() => page.topics.phase?.phase === 'ready', 'ready');
      const { version } = await loadBundle(policy);
      await body({ page, versions: [version, ...adapted], recorded });
    } finally {
      await page.close();
      child?.kill('SIGTERM');
    }
  });

/** Judges attempts of a series until so many more were made: each after its first chunk, every second one a success. */
async function judge(page: TestPage, count: number): Promise<void> {
  const from = page.topics.attempts?.length ?? 0;
  for (let made = from; made < from + count; made++) {
    const isLast = made + 1 === from + count;
    let chunks = 0;
    const count1 = (data: Buffer) => {
      const message = unpack(data) as ServerMessage;
      if ('topic' in message && message.topic === 'chunk') chunks += 1;
    };
    page.socket.on('message', count1);
    await page.until(() => page.topics.phase!.phase === 'running' && chunks > 0, 'a chunk', 60);
    page.socket.off('message', count1);
    await page.ask(made % 2 === 0 ? 'success' : 'failure', null);
    await page.until(() => page.topics.attempts?.length === made + 1, 'a judged attempt', 60);
    await page.until(() => page.topics.phase!.phase === 'reset', 'the reset', 60);
    if (!isLast) await page.ask('sceneReady', null);
  }
}

describe('versions of a policy at the page of a simulated robot', { timeout: 300_000 }, () => {
  it('are compared blind: no page is told which plays before the end, and then all is', () =>
    withRobot(async ({ page, versions, recorded }) => {
      const [own, adapted, other] = versions;
      assert.deepEqual(page.topics.policy!.versions, [own, adapted, other]);
      const told: string[] = [];
      page.socket.on('message', (data: Buffer) => {
        const message = unpack(data) as ServerMessage;
        if (!('topic' in message)) return;
        if (message.topic === 'chunk' || message.topic === 'policy') told.push(message.value.version); // prettier-ignore
        if (message.topic === 'chunk' && message.value.view) told.push('where it looks');
        if (message.topic === 'attempts') told.push(...message.value.map(({ version }) => version));
      });
      const begun = await page.ask('compare', { a: own, b: adapted, attempts: 6 });
      assert.equal(begun.ok, true, JSON.stringify(begun));
      await judge(page, 2);
      assert.deepEqual(page.topics.phase!.comparison, { made: 2, of: 6 });

      // A stop ends the series; the comparison goes on where it was.
      await page.ask('sceneReady', null);
      await page.until(() => page.topics.phase!.phase === 'running', 'the third attempt', 60);
      await page.ask('stop', {});
      await page.until(() => page.topics.phase!.phase === 'stopped', 'the stop');
      const refused = await page.ask('compare', { a: own, b: other, attempts: 2 });
      assertSaid(refused.says!, 'a comparison is under way', 'end it');
      const pinned = await page.ask('pin', { version: other });
      assertSaid(pinned.says!, 'a comparison is under way', 'before pinning');
      await page.until(() => page.topics.attempts!.length === 3, 'the attempt that was stopped');
      await page.ask('resume', null);
      await page.ask('start', {});
      await judge(page, 3);
      assert.deepEqual(new Set(told), new Set(['hidden']));
      await page.ask('sceneReady', null);
      await judge(page, 1);

      await page.until(() => page.topics.comparisons?.length === 1, 'the verdict');
      const [comparison] = page.topics.comparisons!;
      const attempts = page.topics.attempts!;
      const counted = attempts.filter(({ outcome }) => outcome !== 'discarded');
      assert.equal(counted.length, 6);
      for (const side of [comparison.a, comparison.b]) {
        const made = counted.filter(({ version }) => version === side.version);
        assert.equal(made.length, 3);
        assert.equal(side.attempts, 3);
        assert.equal(side.successes, made.filter(({ outcome }) => outcome === 'success').length);
      }
      assert.ok(attempts.every(({ blind }) => !blind));
      assert.equal(page.topics.policy!.version, own, 'what played before plays again');

      // The episodes tell the same: their chunks are of the version that is told at the end.
      const episodes = (await listEpisodes(recorded)).filter(({ state }) => state === 'finished');
      for (const { id, path } of episodes) {
        const { chunks } = await readEpisode(path);
        const line = attempts.find(({ episode }) => episode === id)!;
        assert.ok(
          chunks.every(({ policyVersion }) => policyVersion === line.version),
          id,
        );
      }
      const kept = (await readFile(join(recorded, 'comparisons.jsonl'), 'utf8')).trim().split('\n');
      const { seed, ...rest } = JSON.parse(kept[0]) as KeptComparison;
      assert.ok(Number.isSafeInteger(seed));
      assert.equal(rest.verdict, comparison.verdict);

      // A label later counts on the page at once; what was judged stays beside it.
      const { episode, version } = counted.find(({ outcome }) => outcome === 'success')!;
      const sideNow = () =>
        [page.topics.comparisons![0].a, page.topics.comparisons![0].b].find(
          (side) => side.version === version,
        )!;
      const { successes } = sideNow();
      assert.ok((await page.ask('label', { id: episode!, outcome: 'failure' })).ok);
      await page.until(() => page.topics.comparisons![0].corrected, 'the correction');
      assert.equal(sideNow().successes, successes - 1);
      const { corrected } = page.topics.comparisons![0];
      assert.deepEqual(corrected, { attempts: 1, verdict: comparison.verdict });
    }));

  it('play as a person pins them, and a comparison that is ended early has no verdict', () =>
    withRobot(async ({ page, versions }) => {
      const [own, adapted, other] = versions;
      const pinned = await page.ask('pin', { version: adapted });
      assert.equal(pinned.ok, true);
      await page.until(() => page.topics.policy!.pinned === adapted, 'the pin');
      await page.ask('start', {});
      await page.until(() => page.topics.phase!.phase === 'running', 'the attempt', 60);
      const moving = await page.ask('pin', { version: null });
      assertSaid(moving.says!, 'the arms move', 'pin');
      await judge(page, 1);
      assert.equal(page.topics.attempts!.at(-1)!.version, adapted);
      assert.equal(page.topics.chunk!.version, adapted);
      const unknown = await page.ask('pin', { version: 'none' });
      assertSaid(unknown.says!, 'no version none', own, adapted, other);
      await page.ask('sceneReady', null);

      assertSaid((await page.ask('endComparison', null)).says!, 'no comparison');
      const same = await page.ask('compare', { a: own, b: own, attempts: 2 });
      assertSaid(same.says!, 'itself');
      await page.ask('stop', {});
      const stopped = await page.ask('compare', { a: own, b: other, attempts: 2 });
      assertSaid(stopped.says!, 'Anna', 'resume');
      assert.equal(page.topics.phase!.comparison, undefined, 'it has not begun');
      await page.ask('resume', null);

      await page.ask('compare', { a: own, b: other, attempts: 4 });
      await judge(page, 1);
      const ended = await page.ask('endComparison', null);
      assertSaid(ended.says!, 'Anna', '1 of 4', 'no verdict');
      await page.until(() => page.topics.comparisons?.length === 1, 'its record');
      await page.until(() => page.topics.policy!.version === adapted, 'what was pinned');
      await page.ask('pin', { version: null });
      await page.until(() => page.topics.policy!.version === own, 'the own version');
    }));

  it('are refused where a folder has none, and where they are another policy’s', () =>
    withFolder(async (folder) => {
      const [policy, other] = ['policy', 'other'].map((name) => join(folder, name));
      await writeTinyAloha(policy);
      await writeTinyAloha(other, 1);
      const refused = async (adapters: string) => {
        const args = ['sim', '--console', '0', '--policy', policy, '--adapters', adapters];
        const { code, failure } = await nalu(args);
        assert.equal(code, 1);
        return failure;
      };
      assertAbout(await refused(folder), { kind: 'missing', names: ['no adapter'] });
      const versions = join(folder, 'learner/versions');
      await writeAdapters(other, versions, 1);
      const [file] = await readdir(versions);
      const [own, its] = await Promise.all([policy, other].map((one) => loadBundle(one)));
      assertAbout(await refused(folder), {
        kind: 'mismatch',
        subject: join(versions, file),
        names: [its.base, own.base],
      });
    }));
});
