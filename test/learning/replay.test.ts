import assert from 'node:assert/strict';
import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Rollout, RolloutChunk } from '../../src/learning/attempts/rollout.ts';
import { openAttemptStore } from '../../src/learning/replay/attemptStore.ts';
import { balancedDraw } from '../../src/learning/replay/balance.ts';
import { chunkCriticLossGraph } from '../../src/learning/replay/chunkCriticLoss.ts';
import { initialChunkCritics, openChunkCritics } from '../../src/learning/replay/chunkCritics.ts';
import { chunkCriticSchema } from '../../src/learning/replay/config.ts';
import {
  orderedShare,
  rankCorrelation,
  rankingOf,
  ranksBeyondChance,
  ranksOf,
  remembered,
} from '../../src/learning/replay/ranking.ts';
import { scaleOf } from '../../src/tensors/scale.ts';
import {
  type ChunkCriticShape,
  chunkCriticParameters,
} from '../../src/policy/choice/chunkCriticGraph.ts';
import { executedSummary } from '../../src/policy/choice/executedSummary.ts';
import { tensorsIn } from '../../src/learning/train/parameters.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { gaussianNoise, uniformNumbers } from '../../src/tensors/noise.ts';
import { Tensor } from 'onnxruntime-node';
import { runGraph, withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { rolloutChunk } from './rolloutChunk.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const PLENTY = 1e9;

const rollout = (id: string, reward: number, chunks: RolloutChunk[]): Rollout => ({
  ...{ id, robot: 'cell-1', reward, chunks },
});

describe('a store of attempts', () => {
  const joined = rolloutChunk(3, {
    view: Float32Array.of(0.25, 0, 0, -0.5),
    integration: { steps: 2, solver: 'euler' },
    join: {
      kind: 'approximate',
      previous: gaussianNoise([9], 12),
      weights: Float32Array.of(1, 0.5, 0.25, 0),
    },
  });
  const two = [rollout('a', 1, [rolloutChunk(1), rolloutChunk(2)]), rollout('b', 0, [joined])];

  it('has every number of an attempt after it is opened again, and each attempt once', () =>
    withFolder(async (folder) => {
      const store = await openAttemptStore(folder, 'base', PLENTY);
      await store.keep(two);
      await store.keep([...two, rollout('c', 0, [])]);
      const again = await openAttemptStore(folder, 'base', PLENTY);
      assert.deepEqual(again.attempts(), store.attempts());
      const [a, b] = again.attempts();
      assert.deepEqual([a.id, a.reward, a.robot, b.id, b.reward], ['a', 1, 'cell-1', 'b', 0]);
      const places = [
        { attempt: b, index: 0 },
        { attempt: a, index: 1 },
      ];
      assert.deepEqual(await again.load(places), [joined, two[0].chunks[1]]);
    }));

  it('takes no more bytes than it may, the oldest going first', () =>
    withFolder(async (folder) => {
      const many = Array.from({ length: 6 }, (_, i) => rollout(`${i}`, 1, [rolloutChunk(i)]));
      const one = await openAttemptStore(join(folder, 'one'), 'base', PLENTY);
      await one.keep(many.slice(0, 1));
      const room = 3.5 * (await stat(one.attempts()[0].file)).size;
      const small = await openAttemptStore(join(folder, 'small'), 'base', room);
      await small.keep(many);
      const ids = small.attempts().map(({ id }) => id);
      assert.deepEqual(ids, ['3', '4', '5']);
      assert.equal((await readdir(join(folder, 'small'))).length, 3);
      const again = await openAttemptStore(join(folder, 'small'), 'base', room);
      await again.keep([rollout('next', 0, [rolloutChunk(7)])]);
      assert.equal(again.attempts().at(-1)!.id, 'next');
    }));

  it('is refused where it is of another policy, or damaged, by the name of the file', () =>
    withFolder(async (folder) => {
      const store = await openAttemptStore(folder, 'base', PLENTY);
      await store.keep(two);
      const [{ file }] = store.attempts();
      await assertRejectsAbout(openAttemptStore(folder, 'other', PLENTY), {
        kind: 'mismatch',
        subject: file,
      });
      await truncate(file, 300);
      await assertRejectsAbout(openAttemptStore(folder, 'base', PLENTY), {
        kind: 'invalid',
        subject: file,
      });
    }));
});

describe('a balanced draw', () => {
  const attempts = Array.from({ length: 20 }, (_, i) => ({
    ...{ id: `${i}`, reward: Number(i < 2), chunks: [], file: '' },
  }));

  const half = { count: 1000, successes: 0.5 };

  it('has as many successes as are wanted, however rare they are, and is the same again', () => {
    const drawn = balancedDraw(attempts, half, [1]);
    const successes = drawn.filter(({ reward }) => reward > 0).length;
    assert.ok(successes > 440 && successes < 560);
    assert.deepEqual(balancedDraw(attempts, half, [1]), drawn);
    assert.notDeepEqual(balancedDraw(attempts, half, [2]), drawn);
  });

  it('is of one kind where there is no other', () => {
    const failures = attempts.slice(2);
    assert.ok(
      balancedDraw(failures, { count: 50, successes: 0.9 }, [1]).every(
        ({ reward }) => reward === 0,
      ),
    );
  });
});

describe("a chunk's summary", () => {
  it('is of executed rows alone, in parts', () => {
    const actions = Float32Array.from({ length: 20 }, (_, i) => i);
    const mask = Float32Array.of(0, 1, 1, 1, 1, 1, 1, 1, 1, 0);
    assert.deepEqual([...executedSummary({ actions, mask })], [3, 4, 7, 8, 11, 12, 15, 16]);
    const other = actions.slice();
    other.set([99, 99], 0);
    other.set([99, 99], 18);
    assert.deepEqual(executedSummary({ actions: other, mask }), executedSummary({ actions, mask }));
  });

  it('is zero where nothing was executed, and repeats rows where they are few', () => {
    const actions = Float32Array.of(1, 2, 3);
    assert.deepEqual([...executedSummary({ actions, mask: new Float32Array(3) })], [0, 0, 0, 0]);
    const one = executedSummary({ actions, mask: Float32Array.of(0, 1, 0) });
    assert.deepEqual([...one], [2, 2, 2, 2]);
  });
});

describe('a ranking', () => {
  it('is by counting pairs, equal numbers half', () => {
    const draw = uniformNumbers(3);
    const values = Array.from({ length: 40 }, () => Math.floor(draw() * 10));
    const succeeded = values.map(() => draw() < 0.4);
    let [ordered, pairs] = [0, 0];
    values.forEach((a, i) =>
      values.forEach((b, j) => {
        if (!succeeded[i] || succeeded[j]) return;
        pairs += 1;
        ordered += a > b ? 1 : a === b ? 0.5 : 0;
      }),
    );
    assert.ok(Math.abs(orderedShare(values, succeeded) - ordered / pairs) < 1e-12);
    assert.deepEqual(ranksOf([5, 1, 5, 3]), [2.5, 0, 2.5, 1]);
  });

  it('does not change where numbers are stretched, and turns round with them', () => {
    const [a, b] = [1, 2].map((seed) => [...gaussianNoise(seed, 50)]);
    const both = rankCorrelation(a, b);
    assert.ok(Math.abs(both) < 0.4);
    assert.ok(Math.abs(rankCorrelation(a.map(Math.exp), b) - both) < 1e-12);
    assert.ok(Math.abs(rankCorrelation(a.map((x) => -x), b) + both) < 1e-12); // prettier-ignore
    assert.equal(rankCorrelation(a, new Array<number>(50).fill(1)), 0);
    assert.equal(rankCorrelation(a, a), 1);
  });

  it('is beyond chance where its mean is two standard errors above 0, of three updates at least', () => {
    assert.ok(!ranksBeyondChance([0.9, 0.9]));
    assert.ok(ranksBeyondChance([0.2, 0.3, 0.25]));
    assert.ok(!ranksBeyondChance([0.2, -0.3, 0.25, 0.1]));
    assert.ok(!ranksBeyondChance([0, 0, 0]));
    let rankings: number[] = [];
    for (let i = 0; i < 20; i++) rankings = remembered(rankings, i);
    assert.deepEqual(rankings, [12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it('is none where all ended alike', () => {
    assert.equal(rankingOf([{ q: 1, v: 0, earned: 1 }]), undefined);
  });
});

describe('critics of chunks', () => {
  const shape: ChunkCriticShape = { count: 3, hidden: [8, 6], features: 2, rows: 3 };

  it('have the slope that central differences have', async () => {
    const feeds = {
      features: new Tensor('float32', gaussianNoise(2, 10), [5, 2]),
      rows: new Tensor('float32', gaussianNoise(3, 15), [5, 3]),
      returns: new Tensor('float32', Float32Array.of(0, 1, 0.3, 0.9, 0.1), [5]),
      qualities: new Tensor('float32', Float32Array.of(0.2, 0.9, 0.4, 0.6, 0.1), [5]),
    };
    const parameters = chunkCriticParameters(shape);
    const flat = initialChunkCritics(shape, [1]).training.vectors.parameters.map(
      (value, i) => value + 0.2 * Math.sin(i),
    );
    const run = (values: Float32Array) =>
      runGraph(chunkCriticLossGraph(shape, 0.8), {
        ...feeds,
        ...Object.fromEntries(tensorsIn(values, parameters)),
      });
    const result = await run(flat);
    const slopes = parameters.flatMap(({ name }) => [
      ...(result[`gradient.${name}`].data as Float32Array),
    ]);
    for (let i = 0; i < flat.length; i += 47) {
      const loss = async (step: number) => {
        const { loss } = await run(flat.map((value, j) => (j === i ? value + step : value)));
        return (loss.data as Float32Array)[0];
      };
      const slope = ((await loss(0.02)) - (await loss(-0.02))) / 0.04;
      assert.ok(Math.abs(slope - slopes[i]) < 2e-3 + 0.05 * Math.abs(slope), `${i}`);
    }
  });

  it('rank chunks that they have not seen, by what chunks like them led to', async () => {
    const config = chunkCriticSchema.parse({ hidden: [32, 32], rate: 3e-3 });
    const wide = { ...shape, count: 4, hidden: config.hidden, discriminates: true };
    const critics = await openChunkCritics(wide, config, initialChunkCritics(wide, [1]), SESSION);
    // A chunk succeeds where its first part points to where the state says.
    const made = (seed: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const features = gaussianNoise([seed, i, 1], 2);
        const rows = gaussianNoise([seed, i, 2], 3);
        return { features, rows, earned: Number(rows[0] * features[0] > 0) };
      });
    const known = made(1, 600);
    critics.setScale(scaleOf(known.map(({ features, rows }) => Float32Array.of(...features, ...rows)))); // prettier-ignore
    for (let step = 0; step < 400; step++) {
      const draw = uniformNumbers([7, step]);
      const batch = Array.from({ length: 64 }, () => known[Math.floor(draw() * known.length)]);
      const judged = await critics.judge(batch, 'average');
      const qualities = judged.map(({ q }) => Math.min(...q));
      const earned = batch.map(({ earned }) => earned);
      const loss = await critics.step(batch, earned, qualities, earned);
      assert.ok(Number.isFinite(loss));
    }
    const unseen = made(2, 400);
    const judged = await critics.judge(unseen, 'parameters');
    const ranking = rankingOf(judged.map(({ q, v }, i) => ({ q: Math.min(...q), v, earned: unseen[i].earned })))!; // prettier-ignore
    await critics.close();
    assert.ok(ranking.outcome > 0.85, `${ranking.outcome}`);
    const ofSuccess = orderedShare(judged.map(({ f }) => f!), unseen.map(({ earned }) => earned > 0)); // prettier-ignore
    assert.ok(ofSuccess > 0.85, `${ofSuccess}`);
    // The state alone does not tell how a chunk ends.
    assert.ok(ranking.advantage > 0.5, `${ranking.advantage}`);
  });

  it('have edits that lead where they estimate more, and learn nothing from these themselves', async () => {
    const config = chunkCriticSchema.parse({ hidden: [32, 32], rate: 3e-3 });
    // Three dimensions in four parts.
    const plain = { ...shape, count: 4, hidden: config.hidden, rows: 12 };
    const edited = { ...plain, edits: 0.5 };
    const made = (seed: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const features = gaussianNoise([seed, i, 1], 2);
        const rows = gaussianNoise([seed, i, 2], 12);
        const first = [0, 3, 6, 9].reduce((sum, place) => sum + rows[place], 0);
        return { features, rows, earned: Number(first * features[0] > 0) };
      });
    const known = made(1, 600);
    const open = async (of: ChunkCriticShape) => {
      const critics = await openChunkCritics(of, config, initialChunkCritics(of, [1]), SESSION);
      critics.setScale(scaleOf(known.map(({ features, rows }) => Float32Array.of(...features, ...rows)))); // prettier-ignore
      return critics;
    };
    const [without, withEdits] = [await open(plain), await open(edited)];
    for (let step = 0; step < 300; step++) {
      const draw = uniformNumbers([7, step]);
      const batch = Array.from({ length: 64 }, () => known[Math.floor(draw() * known.length)]);
      const earned = batch.map(({ earned }) => earned);
      for (const critics of step < 20 ? [without, withEdits] : [withEdits])
        await critics.step(batch, earned, earned, earned);
      if (step !== 19) continue;
      const [a, b] = [without, withEdits].map(({ state }) => state.training.vectors.parameters);
      for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i] - b[i]) < 1e-5, `${i}`);
    }
    const unseen = made(2, 200);
    const judged = await withEdits.judge(unseen, 'parameters');
    const towards = judged.filter(({ edit }, i) => edit![0] * unseen[i].features[0] > 0).length;
    for (const { edit } of judged) for (const value of edit!) assert.ok(Math.abs(value) <= 0.5);
    assert.ok(towards > 160, `${towards} of 200`);
    await without.close();
    await withEdits.close();
  });
});
