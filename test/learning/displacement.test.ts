import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { stateFile } from '../../src/learning/learnerFolder.ts';
import type { Learner } from '../../src/learning/learner.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import { displacementSearch } from '../../src/learning/displacement/displacement.ts';
import { type Trial, posterior } from '../../src/learning/displacement/posterior.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { ADAPTER_FILE, copyBundle, loadBundle } from '../../src/policy/bundle/bundle.ts';
import { displaced, exploredOffset, noOffset } from '../../src/policy/offset.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { gaussianNoise, uniformNumbers } from '../../src/tensors/noise.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { BATCH, SETTINGS, changed, ended, giveAdapter, makeAttempts, nameOf, openTinyLearner, writeEpisode } from './attempts.ts'; // prettier-ignore
import { JOINTS, SESSION } from './bandit.ts';
import { tinyBundle } from './tiny.ts';

const { trainable } = SETTINGS;
const DIMS = tinyBundle.architecture.actionDim;

/** Attempts at Gaussian places whose success falls off around `best`, as the model has it. */
function trialsAround(best: readonly number[], curvature: number, count: number): Trial[] {
  const uniform = uniformNumbers([5]);
  return Array.from({ length: count }, (_, n) => {
    const place = [...gaussianNoise([n, 1], best.length)];
    const far = curvature * place.reduce((sum, x, i) => sum + (x - best[i]) ** 2, 0);
    const rate = 1 / (1 + Math.exp(2 * Math.log1p(far / 4) - 2));
    return { place, success: uniform() < rate };
  });
}

/** All dimensions of one group. */
const ONE_GROUP = [0, 0, 0, 0];

describe('the model of success by place', () => {
  it('finds where success is most probable, and knows it better the more it has seen', () => {
    const best = [1.5, -1, 0, 0.5];
    const trials = trialsAround(best, 2, 1000);
    const [few, many] = [100, 1000].map((count) => posterior(trials.slice(0, count), ONE_GROUP, 1));
    many.best.forEach((x, i) => assert.ok(Math.abs(x - best[i]) < 0.3, `${many.best.join(', ')}`));
    many.spread.forEach((deviation, i) => {
      assert.ok(deviation < few.spread[i], `${deviation} after ${few.spread[i]}`);
      assert.ok(Math.abs(many.best[i] - best[i]) < 4 * deviation);
    });
  });

  it('finds it at whatever scale a group lies', () => {
    for (const scale of [0.2, 5]) {
      const trials = trialsAround([1, -1, 0, 0], 2, 600).map(
        ({ place: [a, b, c, d], success }) => ({
          place: [a, b, scale * c, scale * d],
          success,
        }),
      );
      const { best } = posterior(trials, [0, 0, 1, 1], 1);
      assert.ok(Math.abs(best[0] - 1) < 0.3 && Math.abs(best[1] + 1) < 0.3, `${best.join(', ')}`);
      assert.ok(Math.max(...best.slice(2).map(Math.abs)) < 0.4 * scale, `${best.join(', ')}`);
    }
  });

  it('leaves a dimension open that was not tried, and goes the way of the only success', () => {
    const trials = [1, -1].map((x) => ({ place: [x, 0], success: x > 0 }));
    assert.ok(posterior(trials, [0, 0], 1).best[0] > 0);
    const tried = trialsAround([1], 2, 200).map(({ place: [x], success }) => ({ place: [x, 0], success })); // prettier-ignore
    const { spread } = posterior(tried, [0, 0], 1);
    assert.ok(spread[1] > 1.2 * spread[0], `${spread.join(', ')}`);
  });

  it('is finite for any outcomes, and the same again', () => {
    const number = fc.float({ min: -8, max: 8, noNaN: true });
    const trial = fc.record({
      place: fc.array(number, { minLength: 3, maxLength: 3 }),
      success: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(trial, { minLength: 1, maxLength: 20 }), (trials) => {
        const { best, spread } = posterior(trials, [0, 0, 1], 1);
        assert.ok([...best, ...spread].every(Number.isFinite));
        assert.deepEqual(posterior(trials, [0, 0, 1], 1), { best, spread });
      }),
      { numRuns: 10 },
    );
  });
});

describe('the search for a displacement', { timeout: 120_000 }, () => {
  let root: string;
  let bundle: string;
  let attempts: Episode[];
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'nalu-offset-'));
    bundle = join(root, 'policy');
    attempts = await makeAttempts(bundle, BATCH);
  });
  after(() => rm(root, { recursive: true }));

  const open = (folder: string) =>
    openTinyLearner(folder, bundle, {}, displacementSearch(trainable, 1));
  const explored = (attempt: number) =>
    exploredOffset(noOffset(DIMS), new Array<number>(DIMS).fill(0.02), attempt);

  /** Attempts that succeed where their first action is displaced upwards. */
  async function advance(learner: Learner, folder: string, update: number, success?: boolean) {
    for (const [i, episode] of attempts.entries()) {
      const index = update * BATCH + i;
      const offset = explored(index);
      const id = nameOf(index);
      const one = ended(changed(episode, { offset }), success ?? offset[0] > 0);
      learner.add({ id, path: await writeEpisode(join(folder, 'episodes'), id, one) });
    }
    return (await learner.advance())!;
  }

  it('displaces the actions towards where attempts succeed, by all attempts, and goes on from its folder', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const [first] = await advance(learner, folder, 0);
      assert.equal(first.event, 'published');
      assertSaid(describeEvent(first), 'action 0');
      assert.ok('report' in first && Math.max(...first.report.offset!.map(Math.abs)) < 0.1);
      await learner.close();

      const again = await open(folder);
      const [second] = await advance(again, folder, 1);
      assert.equal('report' in second && second.report.update, 2);
      const policy = { ...(await loadBundle(bundle)), trainable };
      const { offset, parameters, spread } = await readAdapter(again.current().file, policy);
      assert.ok(offset![0] > 0.01, `${offset!.join(', ')}`);
      assert.deepEqual([...offset!.subarray(JOINTS)], [...noOffset(DIMS - JOINTS)]);
      assert.ok(spread!.offset.subarray(0, JOINTS).every((deviation) => deviation > 0));
      assert.deepEqual([...spread!.offset.subarray(JOINTS)], [...noOffset(DIMS - JOINTS)]);
      const start = await readAdapter(join(folder, 'versions', `${again.versions()[0].version}.safetensors`), policy); // prettier-ignore
      assert.deepEqual(parameters, start.parameters, 'the network stays');
      await again.close();
    }));

  it('counts attempts as they are labelled now, but those of an older state as they were then', () =>
    withFolder(async (root) => {
      const [folder, older] = ['learning', 'older'].map((name) => join(root, name));
      const upwards = async (learner: Learner) => {
        const policy = { ...(await loadBundle(bundle)), trainable };
        return (await readAdapter(learner.current().file, policy)).offset![0] > 0;
      };
      const learner = await open(folder);
      await advance(learner, folder, 0);
      assert.ok(await upwards(learner));
      for (const [i] of attempts.entries()) {
        const [id, label] = [nameOf(i), explored(i)[0] < 0 ? 'success' : 'failure'] as const;
        learner.add({ id, path: join(folder, 'episodes', `${id}.mcap`), label });
      }
      assert.equal((await learner.advance())!.length, BATCH);
      await learner.close();
      await cp(folder, older, { recursive: true });
      const { metadata } = await readSafetensorsHeader(stateFile(older));
      const trials = (JSON.parse(metadata.trials) as { place: number[]; reward: number }[]).map(
        ({ place, reward }) => ({ place, success: reward > 0 }),
      );
      await writeSafetensors(stateFile(older), [], { ...metadata, trials: JSON.stringify(trials) });

      const goesOn = async (at: string) => {
        const again = await open(at);
        await advance(again, at, 1, false);
        const is = await upwards(again);
        await again.close();
        return is;
      };
      assert.deepEqual([await goesOn(folder), await goesOn(older)], [false, true]);
    }));

  it('displaces each robot by its own attempts, in its folder too', () =>
    withFolder(async (folder) => {
      const half = BATCH / 2;
      for (const update of [0, 1]) {
        const learner = await open(folder);
        for (const [i, episode] of attempts.entries()) {
          const index = update * BATCH + i;
          const offset = explored(index);
          const id = nameOf(index);
          const [robot, better] = i < half ? ['left', offset[0] > 0] : ['right', offset[0] < 0];
          const path = await writeEpisode(join(folder, 'episodes'), id, ended(changed(episode, { offset }), better)); // prettier-ignore
          learner.add({ id, path, robot });
        }
        const [event] = (await learner.advance())!;
        assert.equal(event.event, 'published');
        assert.match(describeEvent(event), /left offset up to .*, right offset up to /);
        const policy = { ...(await loadBundle(bundle)), trainable };
        const { own, offset } = await readAdapter(learner.current().file, policy);
        assert.equal(offset, undefined, 'a robot unknown plays on as it began');
        assert.ok(own!.get('left')!.offset![0] > 0 && own!.get('right')!.offset![0] < 0);
        await learner.close();
      }
    }));

  it('stays where it is while all attempts end alike', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const [event] = await advance(learner, folder, 0, false);
      assert.equal(event.event, 'unmoved');
      assertSaid(describeEvent(event), BATCH);
      assertSaid('reason' in event ? event.reason : '', '20 attempts failed');
      await learner.close();
    }));

  it('is kept by FPO, which goes on from there, and from its own folder', () =>
    withFolder(async (root) => {
      const [own, folder] = [join(root, 'policy'), join(root, 'learning')];
      await copyBundle(await loadBundle(bundle), own);
      const offset = explored(3);
      await giveAdapter(own);
      const adapter = await readAdapter(join(own, ADAPTER_FILE), await loadBundle(own));
      await writeAdapter(join(own, ADAPTER_FILE), makeAdapter({ ...adapter, offset }));
      const policy = await loadBundle(own);
      for (const update of [0, 1]) {
        const learner = await openTinyLearner(folder, own);
        for (const [i, episode] of attempts.entries()) {
          const id = nameOf(update * BATCH + i);
          const one = ended(changed(episode, { offset }), i % 2 === 0);
          learner.add({ id, path: await writeEpisode(join(folder, 'episodes'), id, one) });
        }
        const [event] = (await learner.advance())!;
        assert.equal(event.event, 'published');
        assert.deepEqual((await readAdapter(learner.current().file, policy)).offset, offset);
        await learner.close();
      }
    }));

  it('adds its offset to every row, records it, and explores around it by the attempt', async () => {
    const sampler = await openSampler(await loadBundle(bundle), SESSION, { trainable });
    const image = { width: 8, height: 8, pixels: new Uint8Array(8 * 8 * 3).fill(90) };
    const sample = (attempt: number, offset: number) =>
      sampler.sample({
        images: [image, image],
        state: new Float64Array(JOINTS),
        prompt: 'go',
        noise: {
          seed: 3,
          attempt,
          exploration: { size: 0, correlation: 0, persistence: 0, steps: 1, view: 0, offset, range: 1, initialNoise: 1, temperature: 1 }, // prettier-ignore
        },
      });
    const plain = await sample(7, 0);
    const moved = await sample(7, 0.02);
    await sampler.close();
    assert.equal(plain.offset, undefined);
    assert.deepEqual(moved.offset, explored(7));

    const encoder = await openRolloutEncoder(await loadBundle(bundle), SESSION);
    const encoded = async ({ actions, noise, offset }: typeof plain) =>
      (await encoder.encode(changed(attempts[0], { actions, noise, offset }))).chunks[0];
    const [one, other] = [await encoded(plain), await encoded(moved)];
    await encoder.close();
    other.actions.forEach((value, i) => assert.ok(Math.abs(value - one.actions[i]) < 1e-5));
    assert.deepEqual(other.offset, explored(7));
    assert.notDeepEqual(plain.actions, moved.actions);
    assert.deepEqual(displaced(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, -1), 1), Float32Array.of(2, 1, 4, 3)); // prettier-ignore
  });
});
