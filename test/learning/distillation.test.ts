import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  distillationSchema,
  openDistillation,
} from '../../src/learning/distillation/distillation.ts';
import { createBatches } from '../../src/learning/train/batches.ts';
import type { TrainingRun } from '../../src/learning/train/trainingRun.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle, BundleConfig } from '../../src/policy/bundle/config.ts';
import { familyOf, learnableOf } from '../../src/policy/families/registry.ts';
import { TABLE_ROWS, integrationTable } from '../../src/policy/integration.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { Tensor, sessionConfigSchema } from '../../src/session/session.ts';
import { withFolder } from '../onnx/run.ts';
import { takeSteps } from './takeSteps.ts';
import { tinyBundle, tinyDemonstrations, tinyPi05, writeTinyBundle } from './tiny.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const DEMONSTRATIONS = tinyDemonstrations(32);
const SETTINGS = distillationSchema.parse({
  batch: 4,
  seed: 3,
  optimiser: { rate: 3e-3, finalRate: 3e-4, warmUp: 5, steps: 150, averageDecay: 0 },
});

const withRun = <T>(
  config: BundleConfig<typeof tinyBundle.architecture>,
  body: (run: TrainingRun, teacher: Bundle) => Promise<T>,
): Promise<T> =>
  withFolder(async (folder) => {
    await writeTinyBundle(folder, 1, config);
    const teacher = await loadBundle(folder);
    const run = await openDistillation({
      ...{ teacher, demonstrations: DEMONSTRATIONS, settings: SETTINGS, session: SESSION },
    });
    try {
      return await body(run, teacher);
    } finally {
      await run.close();
    }
  });

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('distillation', () => {
  it('has the mean squared distance of one-step chunks from those of the policy as its loss', () =>
    withRun(tinyBundle, async (run, teacher) => {
      const policy = learnableOf(teacher);
      const batch = createBatches(DEMONSTRATIONS, teacher.cameras.length, {
        policy,
        transforms: makeTransforms(teacher.transforms, policy),
        tokenize: await policy.loadTokenizer(teacher.folder),
        batch: SETTINGS.batch,
        samples: 1,
        seed: SETTINGS.seed,
      }).of(0);
      /** The batch's tensor of one observation, by its elements' type. */
      const part = <T extends Float32Array | Uint8Array | BigInt64Array>(
        name: string,
        i: number,
      ) => {
        const { data, dims } = batch[name];
        const size = data.length / dims[0];
        return {
          own: (data as T).slice(i * size, (i + 1) * size) as T,
          dims: [1, ...dims.slice(1)],
        };
      };
      const floats = (name: string, i: number) => {
        const { own, dims } = part<Float32Array>(name, i);
        return new Tensor('float32', own, dims);
      };
      /** The chunk of one observation of the batch, as the runtime samples it. */
      const chunk = async (i: number, steps: number) => {
        const images = part<Uint8Array>('images', i);
        const length = part<Uint8Array>('token_mask', i).own.filter((one) => one === 1).length;
        const tokens = part<BigInt64Array>('tokens', i).own.slice(0, length);
        const table = integrationTable({ steps, solver: 'euler' });
        const { outputs } = await familyOf(teacher).golden.run(teacher, SESSION, {
          images: new Tensor('uint8', images.own, images.dims),
          tokens: new Tensor('int64', tokens, [1, length]),
          state: floats('state', i),
          noise: floats('noise', i),
          integration: new Tensor('float32', table, [TABLE_ROWS.length, steps]),
        });
        return outputs.actions.data as Float32Array;
      };
      const squares: number[] = [];
      for (let i = 0; i < SETTINGS.batch; i++) {
        const [one, several] = [await chunk(i, 1), await chunk(i, teacher.integration!.steps)];
        one.forEach((value, at) => squares.push((value - several[at]) ** 2));
      }
      const { loss } = await run.step();
      assert.ok(loss > 1e-4 && Math.abs(loss - mean(squares)) < 1e-4 * loss, `${loss}, ${mean(squares)}`); // prettier-ignore
    }));

  const kinds = {
    π0: tinyBundle,
    'π0.5': tinyPi05,
    'a policy that goes on from rows under way': { ...tinyBundle, maxDelay: 2 },
  };
  for (const [name, config] of Object.entries(kinds))
    it(`brings one step of ${name} closer to its several`, () =>
      withRun(config, async (run) => {
        const losses = await takeSteps(run, 100);
        const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
        assert.ok(last < 0.3 * first, `from ${first} to ${last}`);
      }));
});
