import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { planAdaptation } from '../../src/adapting/plan.ts';
import { recordBeginning } from '../../src/learning/begun.ts';
import { loadBundle, writeConfig } from '../../src/policy/bundle/bundle.ts';
import { configOf } from '../../src/policy/bundle/config.ts';
import { nalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { giveAdapter, openTinyLearner } from '../learning/attempts.ts';
import { writeTinyBundle } from '../learning/tiny.ts';
import type { AdaptOptions } from '../../src/adapting/plan.ts';
import { assertAbout, assertRejectsAbout } from '../refusals.ts';

const OPTIONS: Omit<AdaptOptions, 'policy'> = {
  method: 'fpo',
  ...{ task: 'transfer-cube', episodes: 8, batch: 4, evaluateEvery: 4, attempts: 0 },
  ...{ processes: 1, seed: 0, join: 'swap', delay: 40 },
};

const withPolicies = (body: (folder: string, plan: Plan) => Promise<void>) =>
  withFolder(async (folder) => {
    for (const [seed, name] of ['policy', 'other'].entries())
      await writeTinyBundle(join(folder, name), seed);
    await body(folder, (change = {}) =>
      planAdaptation(join(folder, 'run'), {
        ...OPTIONS,
        ...change,
        policy: join(folder, change.policy ?? 'policy'),
      }),
    );
  });

/** What is said of a folder that was begun with something else. */
const OTHERWISE = { kind: 'mismatch', subject: 'run' } as const;

type Plan = (change?: Partial<AdaptOptions>) => ReturnType<typeof planAdaptation>;

describe('an adaptation', () => {
  it('is of the task that its policy was trained for, or of the one that is asked for', () =>
    withPolicies(async (folder, plan) => {
      const policy = join(folder, 'policy');
      const asked = { task: undefined };
      assert.equal((await plan(asked)).task, 'transfer-cube');
      const tasks = { insertion: 'Insert the peg' };
      await writeConfig(policy, { ...configOf(await loadBundle(policy)), tasks });
      const own = await plan(asked);
      assert.deepEqual([own.task, own.beginning.task], ['insertion', 'insertion']);
      assert.equal((await plan({ task: 'transfer-cube' })).task, 'transfer-cube');
    }));
});

describe('a folder of nalu adapt', { timeout: 60_000 }, () => {
  it('refuses all that would mix with what is in it, and takes the rest', () =>
    withPolicies(async (folder, plan) => {
      const run = join(folder, 'run');
      const write = async (name: string, content: object) => {
        await writeFile(join(folder, name), stringify(content));
        return join(folder, name);
      };
      await mkdir(run);
      await recordBeginning(run, (await plan()).beginning);
      await plan();
      const others: [Partial<AdaptOptions>, ...names: (string | number)[]][] = [
        [{ policy: 'other' }, '--policy'],
        [{ task: 'insertion' }, '--task', 'transfer-cube', 'insertion'],
        [{ seed: 1 }, '--seed', 0, 1],
        [{ method: 'offset' }, '--method', 'fpo', 'offset'],
        [{ execute: 3 }, '--execute', 2, 3],
        [{ join: 'approximate' }, '--join', 'swap', 'approximate'],
        [{ delay: 200 }, '--delay', 40, 200],
        [{ gap: await write('gap.yaml', { delay: 2 }) }, 'delay', '--gap', 0, 2],
        [
          { config: await write('lora.yaml', { trainable: { parameters: 'lora', rank: 2 } }) },
          'trainable.parameters',
          '--config',
          'expert',
          'lora',
        ],
        [
          { config: await write('gamma.yaml', { gamma: 0.9 }) },
          'gamma',
          '--config',
          '0.999',
          '0.9',
        ],
      ];
      for (const [change, ...names] of others)
        await assertRejectsAbout(plan(change), { ...OTHERWISE, names });
      await plan({
        ...{ batch: 8, episodes: 99, attempts: 3, processes: 2 },
        config: await write('rate.yaml', { rate: 0.1, epochs: 3 }),
        exploration: await write('exploration.yaml', { size: 0.01 }),
        gap: await write('none.yaml', {}),
      });
    }));

  it('is known, without a record, by its attempts and its learner', () =>
    withPolicies(async (folder, plan) => {
      const learner = join(folder, 'run/learner');
      await mkdir(join(learner, 'episodes'), { recursive: true });
      await writeFile(join(learner, 'episodes/insertion-12000003.mcap'), '');
      await (await openTinyLearner(learner, join(folder, 'other'))).close();
      await assertRejectsAbout(plan(), {
        ...OTHERWISE,
        names: ['--policy', '--seed', 2, 0, '--task', 'insertion'],
      });
      await plan({ policy: 'other', task: 'insertion', seed: 2 });
    }));

  it('goes on with a policy that has taken over what was learned in it, not with another adapter', () =>
    withPolicies(async (folder, plan) => {
      const run = join(folder, 'run');
      await mkdir(run);
      await recordBeginning(run, (await plan()).beginning);
      await giveAdapter(join(folder, 'policy'));
      await assertRejectsAbout(plan(), { ...OTHERWISE, names: ['adapter', '--policy', 'none'] });
      await (await openTinyLearner(join(run, 'learner'), join(folder, 'policy'))).close();
      await plan();
    }));

  it('is none of nalu learn, nor the other way', () =>
    withPolicies(async (folder, plan) => {
      await (await openTinyLearner(join(folder, 'run'), join(folder, 'policy'))).close();
      await assertRejectsAbout(plan(), { ...OTHERWISE, names: ['command', 'learn', 'adapt'] });
      const adapted = join(folder, 'adapted');
      await mkdir(join(adapted, 'runtime/episodes'), { recursive: true });
      const { code, failure } = await nalu(['learn', adapted, '--policy', join(folder, 'policy')]);
      assertAbout(failure, {
        kind: 'mismatch',
        subject: adapted,
        names: ['command', 'adapt', 'learn'],
      });
      assert.equal(code, 1);
    }));
});
