import { learnablePi0 } from '../../src/policy/families/pi0/learnable.ts';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBatches } from '../../src/learning/train/batches.ts';
import { fpoSchema } from '../../src/learning/fpo/config.ts';
import { fpo } from '../../src/learning/fpo/fpo.ts';
import { openImitation } from '../../src/learning/imitation/imitation.ts';
import { imitationSchema } from '../../src/learning/imitation/teaching.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { type SampleRequest, openSampler } from '../../src/policy/sampler.ts';
import { loadTokenizer } from '../../src/policy/families/pi0/tokenizer.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { JOINTS, SESSION, attempt, openBandit } from './bandit.ts';
import { tinyDemonstrations, tinyPi05, writeTinyBundle } from './tiny.ts';

describe('a π0.5 bundle', () => {
  const image = { width: 8, height: 8, pixels: new Uint8Array(192).fill(120) };
  const at = (state: number[]): SampleRequest => ({
    images: [image, image],
    state: Float64Array.from(state),
    prompt: 'go',
    noise: { seed: 5 },
  });

  it('reads the state in its prompt, bin by bin, chunk by chunk', () =>
    withFolder(async (folder) => {
      await writeTinyBundle(folder, 4, tinyPi05);
      const sampler = await openSampler(await loadBundle(folder), SESSION);
      try {
        const chunk = async (state: number[]) => [...(await sampler.sample(at(state))).actions];
        const here = await chunk([0.1, 0, 0]);
        assert.deepEqual(await chunk([0.1001, 0, 0]), here, 'the same bins');
        assert.notDeepEqual(await chunk([0.2, 0, 0]), here);
        assert.deepEqual(await chunk([0.1, 0, 0]), here);
      } finally {
        await sampler.close();
      }
    }));

  it('shows the learner what the sampler saw', () =>
    withFolder(async (folder) => {
      await writeTinyBundle(folder, 4, tinyPi05);
      const encoder = await openRolloutEncoder(await loadBundle(folder), SESSION);
      try {
        const episode = attempt(0, new Float32Array(4 * JOINTS), true);
        const moved = [0, -0.99].map((state) => ({
          ...episode.chunks[0],
          state: new Float64Array(JOINTS).fill(state),
        }));
        const { chunks: encoded } = await encoder.encode({ ...episode, chunks: moved });
        const [here, there] = encoded;
        const tokenize = await loadTokenizer(join(folder, 'tokenizer.json'), tinyPi05.architecture);
        const words = (state: number) => tokenize('go', [state, state, state]).tokens.length;
        const images = 2 * 4;
        const counted = ({ valid }: typeof here) => valid.reduce((a, b) => a + b, 0);
        assert.equal(counted(here), images + words(0));
        assert.equal(counted(there), images + words(-0.99));
        assert.notDeepEqual(here.pooled, there.pooled);
      } finally {
        await encoder.close();
      }
    }));

  it('makes batches without a state beside the prompt', () => {
    const demonstrations = tinyDemonstrations(4);
    const batches = createBatches(demonstrations, 2, {
      policy: learnablePi0(tinyPi05.architecture),
      transforms: makeTransforms([], tinyPi05.architecture),
      tokenize: (prompt, state) => ({
        tokens: BigInt64Array.from([prompt.length, ...Array.from(state)], BigInt),
      }),
      batch: 1,
      samples: 1,
      seed: 1,
    });
    const { state, tokens } = batches.of(0);
    assert.equal(state, undefined);
    assert.equal(tokens.dims[1], 1 + JOINTS);
    assert.deepEqual([...(tokens.data as BigInt64Array)].slice(1), [0n, 0n, 0n]);
  });

  it('has no state beside the prompt that a training could hide', () =>
    withFolder(async (folder) => {
      await writeTinyBundle(folder, 4, tinyPi05);
      const settings = imitationSchema.parse({
        trainable: { parameters: 'all' },
        ...{ batch: 8, samples: 2, augment: false, stateDropout: 0.5, seed: 1 },
        optimiser: { rate: 1e-2, finalRate: 1e-3, warmUp: 5, steps: 40 },
      });
      const opening = openImitation({
        ...{ folder, bundle: tinyPi05, settings, session: SESSION },
        demonstrations: tinyDemonstrations(4),
      });
      await assertRejectsAbout(opening, { kind: 'unsupported', subject: '--state-dropout' });
    }));

  for (const parameters of ['all', 'expert'] as const)
    it(`imitates, learning ${parameters}`, () =>
      withFolder(async (folder) => {
        await writeTinyBundle(folder, 4, tinyPi05);
        const settings = imitationSchema.parse({
          trainable: { parameters },
          batch: 8,
          samples: 2,
          augment: false,
          seed: 1,
          optimiser: { rate: 1e-2, finalRate: 1e-3, warmUp: 5, steps: 40 },
        });
        const run = await openImitation({
          folder,
          bundle: tinyPi05,
          demonstrations: tinyDemonstrations(32),
          settings,
          session: SESSION,
        });
        try {
          const losses: number[] = [];
          for (let i = 0; i < 40; i++) losses.push((await run.step()).loss);
          const mean = (some: number[]) => some.reduce((a, b) => a + b) / some.length;
          const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
          assert.ok(last < 0.95 * first, `from ${first} to ${last}`);
        } finally {
          await run.close();
        }
      }));

  it('learns by FPO from its own attempts, and its sampler adopts the outcome', () =>
    withFolder(async (folder) => {
      const trainable = { parameters: 'expert' } as const;
      const config = fpoSchema.parse({
        trainable,
        seed: 1,
        rate: 0.1,
        clip: 0.05,
        trustRegion: { maxClipFraction: 0.9, maxKl: 0.1 },
        critics: { epochs: 2, warmUp: 0 },
      });
      const bandit = await openBandit(folder, trainable, tinyPi05);
      const { bundle } = bandit;
      const algorithm = await fpo(config)({ bundle, joints: JOINTS, session: SESSION });
      try {
        const before = (await bandit.play(0, 1)).first;
        const { policy } = await algorithm.update(await bandit.rollouts(0, 48));
        assert.ok(policy!.steps > 0);
        await bandit.adopt(algorithm.adapter());
        assert.notDeepEqual((await bandit.play(0, 1)).first, before);
      } finally {
        await algorithm.close();
        await bandit.close();
      }
    }));
});
