import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCheckpoint, writeCheckpoint } from '../../src/learning/train/checkpoint.ts';
import { openImitation } from '../../src/learning/imitation/imitation.ts';
import { imitationSchema } from '../../src/learning/imitation/teaching.ts';
import type { TrainingRun } from '../../src/learning/train/trainingRun.ts';
import type { TrainingState } from '../../src/learning/train/trainer.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { trainableParameters } from '../../src/policy/families/pi0/trainable.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { takeSteps } from './takeSteps.ts';
import { tinyBundle, tinyDemonstrations, writeTinyBundle } from './tiny.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const DEMONSTRATIONS = tinyDemonstrations(64);

const settingsOf = (trainable: Trainable, augment = false) =>
  imitationSchema.parse({
    trainable,
    batch: 8,
    samples: 2,
    augment,
    seed: 3,
    optimiser: { rate: 3e-3, finalRate: 3e-4, warmUp: 5, steps: 150, averageDecay: 0.9 },
  });

/** Opens a run on a fresh tiny bundle, lets `body` use it, and closes it. */
const withRun = <T>(
  trainable: Trainable,
  body: (run: TrainingRun, folder: string) => Promise<T>,
  { start, augment }: { start?: TrainingState; augment?: boolean } = {},
): Promise<T> =>
  withFolder(async (folder) => {
    await writeTinyBundle(folder);
    const settings = settingsOf(trainable, augment);
    const run = await openImitation({
      folder,
      bundle: tinyBundle,
      demonstrations: DEMONSTRATIONS,
      settings,
      session: SESSION,
      start,
    });
    try {
      return await body(run, folder);
    } finally {
      await run.close();
    }
  });

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('imitation', () => {
  const kinds: Record<string, Trainable> = {
    'the whole network': { parameters: 'all' },
    'the expert alone': { parameters: 'expert' },
    'adapters of one of its layers': { parameters: 'lora', rank: 4, layers: [1] },
  };
  for (const [name, trainable] of Object.entries(kinds))
    it(`lowers the loss when it trains ${name}`, () =>
      withRun(trainable, async (run) => {
        const losses = await takeSteps(run, 60);
        const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
        assert.ok(last < 0.9 * first, `from ${first} to ${last}`);
      }));

  it('learns what only the images tell', () =>
    withRun({ parameters: 'all' }, async (run) => {
      const losses = await takeSteps(run, 150);
      // Without the images nothing beats the actions' variance of a third.
      const last = mean(losses.slice(-20));
      assert.ok(last < 0.25, `the loss is still ${last}`);
    }));

  it('gives the same numbers for the same seed, augmented or not', async () => {
    for (const augment of [false, true]) {
      const runs = [0, 1].map(() =>
        withRun({ parameters: 'all' }, (run) => takeSteps(run, 5), { augment }),
      );
      const [a, b] = await Promise.all(runs);
      assert.deepEqual(a, b);
    }
  });

  it('resumes from a checkpoint to the same numbers', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'checkpoint.safetensors');
      const trainable: Trainable = { parameters: 'all' };
      const parameters = trainableParameters(trainable, tinyBundle.architecture);
      const through = await withRun(trainable, async (run) => {
        await takeSteps(run, 6);
        await writeCheckpoint(path, { state: run.state, run: 'settings' }, parameters);
        return takeSteps(run, 6);
      });
      const { state, run: kept } = await readCheckpoint(path, parameters);
      assert.equal(kept, 'settings');
      assert.equal(state.step, 6);
      const resumed = await withRun(trainable, (run) => takeSteps(run, 6), { start: state });
      assert.deepEqual(resumed, through);
    }));

  it('stops at a loss that is not finite, names the step, and keeps the state before it', () =>
    withRun({ parameters: 'expert' }, async (run) => {
      await takeSteps(run, 2);
      const before = run.averaged();
      run.state.vectors.parameters[0] = Infinity;
      await assertRejectsAbout(run.step(), {
        kind: 'unready',
        fields: ['loss'],
        names: ['step 3'],
      });
      assert.equal(run.state.step, 2);
      assert.deepEqual(run.averaged(), before);
    }));
});
