import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openImitation } from '../../src/learning/imitation/imitation.ts';
import { imitationSchema } from '../../src/learning/imitation/teaching.ts';
import type { TrainingRun } from '../../src/learning/train/trainingRun.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { replaceWeights } from '../../src/training/replaceWeights.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { takeSteps } from './takeSteps.ts';
import { tinyDemonstrations } from './tiny.ts';
import { writeTinyFast } from './tinyFast.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const STEPS = 200;

/** What is to be done is told by the pictures alone; see tinyDemonstrations. */
const DEMONSTRATIONS = tinyDemonstrations(64);

/** Opens a run on a fresh tiny policy, lets `body` use it, and closes it. */
const withRun = <T>(
  body: (run: TrainingRun, folder: string) => Promise<T>,
  trainable: Trainable = { parameters: 'all' },
): Promise<T> =>
  withFolder(async (folder) => {
    const bundle = await writeTinyFast(folder, DEMONSTRATIONS);
    const settings = imitationSchema.parse({
      ...{ trainable, batch: 8, samples: 1, augment: false, seed: 3 },
      optimiser: { rate: 1e-2, finalRate: 1e-3, warmUp: 5, steps: STEPS, averageDecay: 0.9 },
    });
    const demonstrations = DEMONSTRATIONS;
    const run = await openImitation({ folder, bundle, demonstrations, settings, session: SESSION });
    try {
      return await body(run, folder);
    } finally {
      await run.close();
    }
  });

describe('imitation of a policy that writes tokens', () => {
  it('begins at the likelihood of chance, and then answers what pictures tell by chunks near the demonstrated', () =>
    withRun(async (run, folder) => {
      const losses = await takeSteps(run, STEPS);
      const { architecture } = await loadBundle(folder);
      const { language } = architecture as { language: { vocabulary: number } };
      const chance = Math.log(language.vocabulary);
      assert.ok(Math.abs(losses[0] - chance) < 0.2 * chance, `${losses[0]}, not about ${chance}`);
      const last = losses.slice(-10).reduce((sum, loss) => sum + loss, 0) / 10;
      assert.ok(last < 0.3 * losses[0], `from ${losses[0]} to ${last}`);

      const learned = [...run.averaged()].map(([name, tensor]) => ({ name, ...tensor }));
      await replaceWeights(folder, learned);
      const sampler = await openSampler(await loadBundle(folder), SESSION);
      try {
        const errors: number[] = [];
        for (const { images, state, prompt, actions } of DEMONSTRATIONS.slice(0, 16)) {
          const half = images.length / 2;
          const pictures = [images.subarray(0, half), images.subarray(half)];
          const chunk = await sampler.sample({
            images: pictures.map((pixels) => ({ pixels, width: 8, height: 8 })),
            ...{ state, prompt, noise: 'zero' },
          });
          errors.push(Math.abs(chunk.actions[0] - actions[0]));
        }
        const error = errors.reduce((sum, one) => sum + one, 0) / errors.length;
        // Guessing is off by a half.
        assert.ok(error < 0.25, `off by ${error}`);
      } finally {
        await sampler.close();
      }
    }));

  it('gives the same numbers for the same seed', async () => {
    const [a, b] = await Promise.all([0, 1].map(() => withRun((run) => takeSteps(run, 3))));
    assert.deepEqual(a, b);
  });

  for (const parameters of ['expert', 'lora'] as const)
    it(`refuses to train a part of it, as ${parameters}`, () =>
      assertRejectsAbout(
        withRun(
          (run) => takeSteps(run, 1),
          parameters === 'lora' ? { parameters, rank: 2 } : { parameters },
        ),
        { kind: 'unsupported', subject: '--train', names: ['all'] },
      ));
});
