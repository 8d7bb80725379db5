import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Outcome } from '../../src/episodes/episode.ts';
import { labelEpisode } from '../../src/episodes/labels.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { heldEpisode } from '../../src/learning/corrections.ts';
import { adaptationCurve, readCurve } from '../../src/learning/curve.ts';
import type { OpenAlgorithm } from '../../src/learning/algorithm.ts';
import type { LearnerEvent } from '../../src/learning/events.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import type { Learner } from '../../src/learning/learner.ts';
import { baseIn } from '../../src/learning/learnerFolder.ts';
import { readLearning } from '../../src/learning/learningTopic.ts';
import { CERTAINTY, type VersionRecord } from '../../src/learning/versions.ts';
import { probabilityBelow } from '../../src/tensors/successRates.ts';
import { loadSafetensors, writeSafetensors } from '../../src/tensors/safetensors.ts';
import { makeAdapter } from '../../src/policy/bundle/adapter.ts';
import { noOffset } from '../../src/policy/offset.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import {
  BATCH,
  changed,
  ended,
  makeAttempts,
  nameOf,
  openTinyLearner,
  startingAdapter,
  writeEpisode,
} from './attempts.ts';
import { tinyBundle, writeTinyBundle } from './tiny.ts';

let root: string;
let bundle: string;
let attempts: Episode[];

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nalu-learner-'));
  bundle = join(root, 'policy');
  attempts = await makeAttempts(bundle, 3 * BATCH);
});
after(() => rm(root, { recursive: true }));

/** Records episodes in a folder and hands them to a learner; `from` is the number of the first. */
async function hand(learner: Learner, folder: string, episodes: Episode[], from = 0) {
  for (const [i, episode] of episodes.entries()) {
    const id = nameOf(from + i);
    learner.add({ id, path: await writeEpisode(join(folder, 'episodes'), id, episode) });
  }
}

/** Labels a recorded episode as a person does at the robot. */
const label = (folder: string, i: number, outcome: Outcome) =>
  labelEpisode(join(folder, 'episodes', `${nameOf(i)}.mcap`), { by: 'Ada', outcome });

/** Labels it, and tells the learner. */
async function relabel(learner: Learner, folder: string, i: number, outcome: Outcome) {
  await label(folder, i, outcome);
  const id = nameOf(i);
  learner.add({ id, path: join(folder, 'episodes', `${id}.mcap`), label: outcome });
}

const withLearner = (
  change: Record<string, unknown>,
  body: (learner: Learner, folder: string) => Promise<void>,
) =>
  withFolder(async (folder) => {
    const learner = await openTinyLearner(folder, bundle, change);
    try {
      await body(learner, folder);
    } finally {
      await learner.close();
    }
  });

describe('a learner', { timeout: 180_000 }, () => {
  it('publishes nothing that has left the trust region, and goes on from what it had', () =>
    withLearner(
      { rate: 100, trustRegion: { maxKl: 1e9, maxClipFraction: 1 } },
      async (learner, folder) => {
        const first = learner.current().version;
        await hand(learner, folder, attempts.slice(0, 2 * BATCH));
        for (let update = 0; update < 2; update++) {
          const [event] = (await learner.advance())!;
          assert.equal(event.event, 'kept back');
          assertSaid('reason' in event ? event.reason : '', 'its parameters');
          assert.equal(learner.current().version, first);
        }
        assert.equal(learner.versions().length, 1);
      },
    ));

  it('looks where attempts succeeded that looked there, and still does so when it is opened again', () =>
    withFolder(async (folder) => {
      const learner = await openTinyLearner(folder, bundle);
      const looked = attempts.slice(0, BATCH).map((episode, i) => {
        const view = Float32Array.of(0, i % 2 === 0 ? 0.04 : -0.04, 0, 0);
        return changed(ended(episode, i % 2 === 0), { view });
      });
      await hand(learner, folder, looked);
      const [event] = (await learner.advance())!;
      assert.equal(event.event, 'published');
      const step = Math.fround(0.04);
      const policy = await loadBundle(bundle);
      const viewOf = async ({ file }: { file: string }) => (await readAdapter(file, policy)).view;
      assert.deepEqual(await viewOf(learner.current()), Float32Array.of(0, step, 0, 0));
      await learner.close();

      const again = await openTinyLearner(folder, bundle);
      await hand(again, folder, attempts.slice(BATCH, 2 * BATCH), BATCH);
      assert.equal((await again.advance())![0].event, 'published');
      assert.deepEqual(await viewOf(again.current()), Float32Array.of(0, step, 0, 0));
      await again.close();
    }));

  it('goes on from a version that is made again, and knows it once', () =>
    withFolder(async (folder) => {
      const start = await startingAdapter(bundle);
      const offset = Float32Array.of(0.01, ...noOffset(tinyBundle.architecture.actionDim - 1));
      let updates = 0;
      /** As a method whose network stays, and which takes away again what acts beside it. */
      const alternating: OpenAlgorithm = () =>
        Promise.resolve({
          update: (rollouts) =>
            Promise.resolve({ update: ++updates, attempts: rollouts.length, successes: 0 }),
          adapter: () => (updates % 2 === 0 ? start : makeAdapter({ ...start, offset })),
          restore: () => Promise.resolve(),
          state: { format: 'alternating', tensors: [], values: {} },
          close: () => Promise.resolve(),
        });
      const learner = await openTinyLearner(folder, bundle, {}, alternating);
      const first = learner.current();
      const made: string[] = [];
      for (let round = 0; round < 3; round++) {
        await hand(learner, folder, attempts.slice(0, BATCH), round * BATCH);
        const [event] = (await learner.advance())!;
        assert.equal(event.event, 'published');
        made.push(learner.current().version);
      }
      assert.deepEqual(made, [made[0], first.version, made[0]]);
      assert.deepEqual(
        learner.versions().map(({ version, parent }) => [version, parent]),
        [
          [first.version, null],
          [made[0], first.version],
        ],
      );
      await learner.close();
    }));

  it('takes a version back that is worse than its parent, and goes on from the parent', () =>
    withLearner({}, async (learner, folder) => {
      const { base } = await loadBundle(bundle);
      const first = learner.current();
      const well = attempts.slice(0, BATCH).map((episode, i) => ended(episode, i > 0));
      await hand(learner, folder, well);
      const [published] = (await learner.advance())!;
      assert.equal(published.event, 'published');
      const { version } = learner.current();
      assert.notEqual(version, first.version);

      const badly = attempts
        .slice(BATCH, 2 * BATCH)
        .map((episode) => changed(ended(episode, false), { policyVersion: `${base}+${version}` }));
      await hand(learner, folder, badly, BATCH);
      assert.deepEqual(await learner.advance(), [
        { event: 'rolled back', version, to: first.version },
      ]);
      assert.deepEqual(learner.current(), first);
      const [better, worse] = learner.versions();
      assert.deepEqual([better.successes, worse.successes], [BATCH - 1, 0]);
      assert.ok(worse.rolledBack && probabilityBelow(worse, better) > CERTAINTY);

      const again = attempts
        .slice(2 * BATCH, 3 * BATCH)
        .map((episode) => changed(episode, { policyVersion: `${base}+${first.version}` }));
      await hand(learner, folder, again, 2 * BATCH);
      const [next] = (await learner.advance())!;
      assert.equal(next.event, 'published');
      assert.equal(learner.current().parent, first.version);
      assert.equal(learner.versions()[0].attempts, 2 * BATCH);
    }));

  it('learns from an attempt as it is labelled, and leaves out what is discarded', () =>
    withLearner({}, async (learner, folder) => {
      const all = attempts.slice(0, BATCH).map((episode) => ended(episode, false));
      await hand(learner, folder, all);
      await relabel(learner, folder, 0, 'success');
      await relabel(learner, folder, 1, 'discarded');
      assert.deepEqual(
        (await learner.advance())!.map((event) => event.event === 'corrected' && event.effect),
        ['waits', 'waits'],
      );
      const [left, update] = (await learner.advance())!;
      assertSaid('reason' in left ? left.reason : '', 'attempt-0001.mcap', 'discarded');
      assert.ok('report' in update);
      assert.deepEqual([update.report.attempts, update.report.successes], [BATCH - 1, 1]);
    }));

  it('counts what it has learned from as it is labelled, also while it was away, and takes a version back for it', () =>
    withFolder(async (folder) => {
      const { base } = await loadBundle(bundle);
      const learner = await openTinyLearner(folder, bundle);
      const first = learner.current();
      await hand(
        learner,
        folder,
        attempts.slice(0, BATCH).map((episode, i) => ended(episode, i > 0)),
      );
      await learner.advance();
      const { version } = learner.current();
      const said = attempts
        .slice(BATCH, 2 * BATCH)
        .map((episode) => changed(ended(episode, true), { policyVersion: `${base}+${version}` }));
      await hand(learner, folder, said, BATCH);
      assert.equal((await learner.advance())![0].event, 'unmoved');

      await relabel(learner, folder, BATCH, 'failure');
      await relabel(learner, folder, BATCH + 1, 'discarded');
      const corrected = { event: 'corrected', effect: 'counts', version } as const;
      assert.deepEqual(await learner.advance(), [
        { ...corrected, id: nameOf(BATCH), outcome: 'failure' },
        { ...corrected, id: nameOf(BATCH + 1), outcome: 'discarded' },
      ]);
      const counts = ({ attempts, successes }: VersionRecord) => [attempts, successes];
      assert.deepEqual(learner.versions().map(counts), [
        [BATCH, BATCH - 1],
        [BATCH - 1, BATCH - 2],
      ]);
      const [{ points, corrected: many }] = await readCurve(folder);
      assert.deepEqual(
        points.map(({ episodes, ...point }) => [episodes, point.attempts, point.successes]),
        [
          [0, BATCH, BATCH - 1],
          [BATCH, BATCH - 1, BATCH - 2],
        ],
      );
      assert.equal(many, 2);
      assert.match(
        adaptationCurve(await readCurve(folder), 'a'),
        />a; 2 outcomes corrected since</,
      );
      const { points: told, lastBatch } = await readLearning(folder);
      assert.deepEqual(
        told.map((point) => [point.episodes, point.attempts, point.successes, point.corrected]),
        [
          [BATCH, BATCH, BATCH - 1, undefined],
          [2 * BATCH, BATCH - 1, BATCH - 2, 2],
        ],
      );
      assert.equal(lastBatch, BATCH);
      assert.equal(await learner.advance(), undefined);
      assert.equal(learner.current().version, version);
      await learner.close();

      const again = await openTinyLearner(folder, bundle);
      for (let i = BATCH; i < 2 * BATCH; i++) await label(folder, i, 'failure');
      for (const episode of await listEpisodes(join(folder, 'episodes')))
        again.add(heldEpisode(episode));
      const events = [...(await again.advance())!];
      assert.deepEqual(events.pop(), { event: 'rolled back', version, to: first.version });
      // All but the one that was taken for a failure already.
      assert.equal(events.length, BATCH - 1);
      assert.deepEqual(again.versions().map(counts), [
        [BATCH, BATCH - 1],
        [BATCH, 0],
      ]);
      assert.deepEqual(again.current(), first);
      assert.equal(await again.advance(), undefined);
      assert.equal(again.consumed(), 2 * BATCH);
      await again.close();
    }));

  it('says that a label changes nothing where the attempt was left out', () =>
    withLearner({}, async (learner, folder) => {
      const [one, ...others] = attempts.slice(0, BATCH);
      const discarded = { outcome: 'discarded', reward: null, stagedReward: 0, steps: 2 } as const;
      await hand(learner, folder, [{ ...one, result: discarded }, ...others]);
      await learner.advance();
      const before = structuredClone(learner.versions());
      await relabel(learner, folder, 0, 'success');
      const [event] = (await learner.advance())!;
      assert.equal(
        describeEvent(event),
        'attempt-0000 is labelled as a success: nothing changes: it was left out, or learned from before labels were counted',
      );
      assert.deepEqual(learner.versions(), before);
    }));

  it('does not take back a version for a few failures', () =>
    withLearner({}, async (learner, folder) => {
      const { base } = await loadBundle(bundle);
      await hand(learner, folder, attempts.slice(0, BATCH));
      await learner.advance();
      const { version } = learner.current();
      // 7 successes of 20 after 10 of 20.
      const next = attempts
        .slice(BATCH, 2 * BATCH)
        .map((episode, i) =>
          changed(ended(episode, i < 7), { policyVersion: `${base}+${version}` }),
        );
      await hand(learner, folder, next, BATCH);
      const [event] = (await learner.advance())!;
      assert.notEqual(event.event, 'rolled back');
    }));

  it('leaves out what cannot be learned from, says why, and learns from the rest', () =>
    withLearner({}, async (learner, folder) => {
      const [one] = attempts;
      const [{ actions }] = one.chunks;
      const discarded = { outcome: 'discarded', reward: null, stagedReward: 0, steps: 2 } as const;
      const broken: [Episode, ...(string | number)[]][] = [
        [{ ...one, result: discarded }, 'discarded'],
        [changed(one, { actions: actions.map(() => NaN) }), 'not finite'],
        [changed(one, { noise: actions.map(() => Infinity) }), 'not finite'],
        [changed(one, { noise: new Float32Array() }), '0 numbers of noise'],
        [changed(one, { view: Float32Array.of(0.1, 0) }), 'its views'],
        [changed(one, { view: Float32Array.of(0, NaN, 0, 0) }), 'its views'],
        [changed(one, { horizon: 2 }), '2 rows', 4],
        [changed(one, { executedTo: 0 }), 'none of its chunks'],
        [
          {
            ...one,
            header: { ...one.header, embodiment: { ...one.header.embodiment, name: 'other' } },
          },
          ...['the embodiment other', 'tiny'],
        ],
      ];
      await hand(
        learner,
        folder,
        broken.map(([episode]) => episode),
      );
      const damaged = join(folder, 'damaged.mcap');
      await writeFile(damaged, 'no episode');
      learner.add({ id: 'damaged', path: damaged });
      learner.add({ id: 'gone', path: join(folder, 'gone.mcap') });
      const good = attempts.slice(0, BATCH - broken.length - 2);
      await hand(learner, folder, good, broken.length);

      const events = [...(await learner.advance())!];
      const last = events.pop()!;
      assert.equal(last.event, 'published');
      assert.equal('report' in last && last.report.attempts, good.length);
      assert.equal(events.length, broken.length + 2);
      for (const [i, [, ...names]] of broken.entries()) {
        const event = events.find((known) => 'path' in known && known.path.includes(nameOf(i)));
        assertSaid(event && 'reason' in event ? event.reason : '', ...names);
      }
      assert.ok(events.some((known) => 'path' in known && known.path === damaged));
      assert.deepEqual([learner.consumed(), learner.waiting()], [BATCH, 0]);
    }));

  it('is not stopped by episodes of which none can be learned from', () =>
    withLearner({}, async (learner, folder) => {
      const first = learner.current();
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < BATCH; i++) {
        const path = join(folder, `broken-${i}.mcap`);
        await writeFile(path, '');
        learner.add({ id: `a-broken-${i}`, path });
      }
      await hand(learner, folder, attempts.slice(0, BATCH));
      const events = (await learner.advance())!;
      assert.deepEqual(new Set(events.map(({ event }) => event)), new Set(['left out']));
      assert.deepEqual(learner.current(), first);
      assert.equal((await learner.advance())!.at(-1)!.event, 'published');
    }));

  it('is not stopped by an update that fails: the next one is what it would have been without', () =>
    withLearner({}, async (learner, folder) => {
      const far = attempts
        .slice(0, BATCH)
        .map((episode) => changed(episode, { actions: episode.chunks[0].actions.map(() => 3e38) }));
      await hand(learner, folder, far);
      await hand(learner, folder, attempts.slice(0, BATCH), BATCH);
      const [event] = (await learner.advance())!;
      assert.equal(event.event, 'failed');
      assert.equal((await learner.advance())!.at(-1)!.event, 'published');
      await withLearner({}, async (other, elsewhere) => {
        await hand(other, elsewhere, attempts.slice(0, BATCH));
        await other.advance();
        assert.equal(learner.current().version, other.current().version);
      });
    }));

  it('makes no version of attempts that all ended alike, and goes as far with the next as if there had been none', () =>
    withLearner({}, async (learner, folder) => {
      const first = learner.current();
      for (const [update, success] of [false, true].entries()) {
        const alike = attempts.slice(0, BATCH).map((episode) => ended(episode, success));
        await hand(learner, folder, alike, update * BATCH);
        const [event] = (await learner.advance())!;
        assert.equal(event.event, 'unmoved');
        assertSaid(
          'reason' in event ? event.reason : '',
          `20 attempts ${success ? 'succeeded' : 'failed'}`,
        );
        assert.deepEqual(learner.current(), first);
        assert.equal(learner.consumed(), (update + 1) * BATCH);
      }
      assert.deepEqual([learner.versions().length, learner.versions()[0].attempts], [1, 2 * BATCH]);

      const policyOf = (event: LearnerEvent) => 'report' in event && event.report.policy;
      await hand(learner, folder, attempts.slice(0, BATCH), 2 * BATCH);
      const [event] = (await learner.advance())!;
      assert.equal(event.event, 'published');
      await withLearner({}, async (other, elsewhere) => {
        await hand(other, elsewhere, attempts.slice(0, BATCH));
        const [alone] = (await other.advance())!;
        const [late, early] = [event, alone].map(policyOf);
        assert.equal(late && late.klLimit, early && early.klLimit);
      });
    }));

  it('learns the first task that it is given, and leaves out attempts at another', () =>
    withFolder(async (folder) => {
      const learner = await openTinyLearner(folder, bundle);
      await hand(learner, folder, attempts.slice(0, BATCH));
      assert.equal((await learner.advance())![0].event, 'published');
      await learner.close();

      const again = await openTinyLearner(folder, bundle);
      const other = attempts.slice(BATCH, 2 * BATCH).map((episode, i) => ({
        ...episode,
        header: { ...episode.header, task: i < 3 ? 'stop' : episode.header.task },
      }));
      await hand(again, folder, other, BATCH);
      const events = (await again.advance())!;
      const left = events.filter(({ event }) => event === 'left out');
      assert.equal(left.length, 3);
      assertSaid('reason' in left[0] ? left[0].reason : '', 'the task stop', 'learns go');
      assert.equal(events.at(-1)!.event, 'published');
      await again.close();
    }));

  it('refuses the state of another policy, also one from before states named theirs', () =>
    withFolder(async (folder) => {
      const at = join(folder, 'learner');
      await (await openTinyLearner(at, bundle)).close();
      const { base } = await loadBundle(bundle);
      const other = join(folder, 'other');
      await writeTinyBundle(other, 99);
      const state = join(at, 'state.safetensors');
      const refused = { kind: 'mismatch', subject: state, names: [base] } as const;
      const before = await readFile(state);
      await assertRejectsAbout(openTinyLearner(at, other), refused);
      assert.ok(before.equals(await readFile(state)));

      const { tensors, metadata } = await loadSafetensors(state);
      const { format, updates, policySteps, criticSteps, view, run } = metadata;
      const old = { format, updates, policySteps, criticSteps, view, run };
      const sources = [...tensors].map(([name, { shape, data }]) => ({ name, shape, data }));
      await writeSafetensors(state, sources, old);
      assert.equal(await baseIn(at), base);
      await assertRejectsAbout(openTinyLearner(at, other), refused);
      await (await openTinyLearner(at, bundle)).close();

      await rm(join(at, 'versions'), { recursive: true });
      assert.equal(await baseIn(at), undefined);
    }));
});
