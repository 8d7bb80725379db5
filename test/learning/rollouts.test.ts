import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChunkRecord } from '../../src/episodes/episode.ts';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { placingOf } from '../../src/images/scaling.ts';
import { lookAside } from '../../src/images/view.ts';
import {
  type RolloutEncoder,
  gatherRollouts,
  openRolloutEncoder,
} from '../../src/learning/attempts/rollouts.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { JOINTS, SESSION, attempt } from './bandit.ts';
import { changed } from './attempts.ts';
import { tinyBundle, writeTinyBundle } from './tiny.ts';

const PERIOD = 20_000_000n;
const { horizon, expert, maxTokens } = tinyBundle.architecture;
const ACTIONS = Float32Array.from({ length: horizon * JOINTS }, (_, i) => i / 10);

const withEncoder = <T>(body: (encoder: RolloutEncoder) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    await writeTinyBundle(folder);
    const encoder = await openRolloutEncoder(await loadBundle(folder), SESSION);
    try {
      return await body(encoder);
    } finally {
      await encoder.close();
    }
  });

/** Chunks observed at these control steps, of which two rows each were executed after `delay`. */
function attemptOf(observed: number[], delay = 0): Episode {
  const episode = attempt(0, ACTIONS, true);
  const [first] = episode.chunks;
  const chunks = observed.map((step, index): ChunkRecord => {
    const from = index === 0 ? 0 : delay;
    return {
      ...first,
      index,
      observationStamp: BigInt(step) * PERIOD,
      delay: from,
      executedFrom: from,
      executedTo: from + 2,
      actions: ACTIONS.map((value) => value + index),
    };
  });
  return { ...episode, chunks };
}

describe('a rollout', () => {
  it('has of each chunk its cache, its actions and what was executed of them', () =>
    withEncoder(async (encoder) => {
      const { reward, chunks } = await encoder.encode(attemptOf([0, 2, 4]));
      assert.equal(reward, 1);
      assert.equal(chunks.length, 3);
      const prefix = 2 * 4 + maxTokens;
      for (const [i, chunk] of chunks.entries()) {
        const size = expert.kvHeads * prefix * expert.headDim;
        assert.equal(chunk.cache.length, 2 * expert.depth * size);
        assert.equal(chunk.valid.length, prefix);
        assert.deepEqual(
          chunk.actions,
          ACTIONS.map((value) => value + i),
        );
        assert.deepEqual([...chunk.mask], [1, 1, 0, 0]);
        assert.equal(chunk.steps, 2);
        assert.equal(chunk.elapsed, 2 * i);
        assert.equal(chunk.at, 0.04 * i);
      }
      // The prompt's padding counts for nothing.
      assert.ok(chunks[0].valid.includes(0) && chunks[0].pooled.every(Number.isFinite));
    }));

  it('is the same whether observations are encoded together or alone', () =>
    withEncoder(async (encoder) => {
      const many = await encoder.encode(attemptOf(Array.from({ length: 20 }, (_, i) => 2 * i)));
      const [alone] = (await encoder.encode(attemptOf([0]))).chunks;
      many.chunks.forEach(({ cache, valid }) => {
        assert.deepEqual(valid, alone.valid);
        const prefix = valid.length;
        cache.forEach((value, i) => {
          const token = Math.floor(i / expert.headDim) % prefix;
          if (valid[token]) assert.ok(Math.abs(value - alone.cache[i]) < 1e-5);
        });
      });
    }));

  it('knows which action was on its way when a chunk was asked for', () =>
    withEncoder(async (encoder) => {
      const { chunks } = await encoder.encode(attemptOf([0, 2], 1));
      assert.deepEqual([...chunks[0].committed], [0, 0, 0]);
      // Observed at step 2, played from step 3: the row of step 2 was the last of the chunk before.
      assert.deepEqual(chunks[1].committed, ACTIONS.slice(2 * JOINTS, 3 * JOINTS));
      assert.deepEqual([chunks[0].steps, chunks[1].steps], [3, 2]);
    }));

  it('has the cache of what the policy saw where it looked', () =>
    withEncoder(async (encoder) => {
      const size = { width: 8, height: 8 };
      const stripes = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => 30 * Math.floor(i / 24));
      const showing = (pixels: Uint8Array): Episode => ({
        ...attemptOf([0]),
        image: (camera, stamp) => ({
          camera,
          stamp,
          ...size,
          pixels: () => Promise.resolve(pixels),
        }),
      });
      const cacheOf = async (episode: Episode) => (await encoder.encode(episode)).chunks[0].cache;
      const view = Float32Array.of(0, 0.25, 0, 0.25);
      const aside = new Uint8Array(stripes.length);
      lookAside(stripes, 8, placingOf(size, 8), [0, 0.25], aside);
      const seen = await cacheOf(changed(showing(stripes), { view }));
      assert.deepEqual(seen, await cacheOf(showing(aside)));
      assert.notDeepEqual(seen, await cacheOf(showing(stripes)));
    }));

  it('leaves away chunks of which nothing was executed, and gives their time to the one before', () =>
    withEncoder(async (encoder) => {
      const episode = attemptOf([0, 2, 4]);
      const idle = { ...episode.chunks[1], executedFrom: 2, executedTo: 2 };
      const [first, , last] = episode.chunks;
      const { chunks } = await encoder.encode({ ...episode, chunks: [first, idle, last] });
      assert.deepEqual(
        chunks.map(({ steps }) => steps),
        [4, 2],
      );
    }));

  const refusals: Record<string, [Partial<Episode>, ...(string | number)[]]> = {
    'was discarded': [
      { result: { outcome: 'discarded', reward: null, stagedReward: 0, steps: 2 } },
      ...['0.mcap', 'discarded'],
    ],
    'was cut short': [{ missing: ['no result'] }, 'no result'],
    'has a chunk of another horizon': [
      { chunks: [{ ...attemptOf([0]).chunks[0], horizon: 5 }] },
      ...['5 rows', 4],
    ],
    'has a chunk that is not finite': [
      { chunks: [{ ...attemptOf([0]).chunks[0], actions: ACTIONS.map(() => NaN) }] },
      'not finite',
    ],
  };
  for (const [name, [change, ...names]] of Object.entries(refusals))
    it(`is not made of an attempt that ${name}`, () =>
      withEncoder((encoder) =>
        assertRejectsAbout(encoder.encode({ ...attemptOf([0]), ...change }), {
          ...{ kind: 'invalid', names },
        }),
      ));

  it('is made of a failure too, without a reward', () =>
    withEncoder(async (encoder) => {
      assert.equal((await encoder.encode(attempt(1, ACTIONS, false))).reward, 0);
    }));

  it('of many episodes come with the reason for each that was left out', () =>
    withEncoder(async (encoder) => {
      const discarded = refusals['was discarded'][0];
      const read = (path: string) =>
        Promise.resolve(path === 'b' ? { ...attemptOf([0]), ...discarded } : attemptOf([0]));
      const { rollouts, leftOut } = await gatherRollouts(['a', 'b', 'c'], read, encoder);
      assert.equal(rollouts.length, 2);
      assert.equal(leftOut.length, 1);
      assert.equal(leftOut[0].path, 'b');
      assertSaid(leftOut[0].reason, 'discarded');
    }));
});
