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
      const others: [Partial<AdaptOptions>, RegExp][] = [
        [{ policy: 'other' }, /--policy\): [0-9a-f]{12} then, [0-9a-f]{12} now/],
        [{ task: 'insertion' }, /--task: transfer-cube then, insertion now/],
        [{ seed: 1 }, /--seed: 0 then, 1 now/],
        [{ method: 'offset' }, /--method: fpo then, offset now/],
        [{ execute: 3 }, /--execute: 2 then, 3 now/],
        [{ join: 'approximate' }, /--join: swap then, approximate now/],
        [{ delay: 200 }, /--delay: 40 then, 200 now/],
        [{ gap: await write('gap.yaml', { delay: 2 }) }, /delay in --gap: 0 then, 2 now/],
        [
          { config: await write('lora.yaml', { trainable: { parameters: 'lora', rank: 2 } }) },
          /trainable\.parameters in --config: expert then, lora now/,
        ],
        [
          { config: await write('gamma.yaml', { gamma: 0.9 }) },
          /gamma in --config: 0\.999 then, 0\.9 now/,
        ],
      ];
      for (const [change, difference] of others) await assert.rejects(plan(change), difference);
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
      await assert.rejects(plan(), (error: Error) => {
        assert.match(
          error.message,
          /--policy\): [^]*--seed: 2 then, 0 now[^]*--task: insertion then, /,
        );
        return true;
      });
      await plan({ policy: 'other', task: 'insertion', seed: 2 });
    }));

  it('goes on with a policy that has taken over what was learned in it, not with another adapter', () =>
    withPolicies(async (folder, plan) => {
      const run = join(folder, 'run');
      await mkdir(run);
      await recordBeginning(run, (await plan()).beginning);
      await giveAdapter(join(folder, 'policy'));
      await assert.rejects(plan(), /adapter \(--policy\): none then, [0-9a-f]{12} now/);
      await (await openTinyLearner(join(run, 'learner'), join(folder, 'policy'))).close();
      await plan();
    }));

  it('is none of nalu learn, nor the other way', () =>
    withPolicies(async (folder, plan) => {
      await (await openTinyLearner(join(folder, 'run'), join(folder, 'policy'))).close();
      await assert.rejects(plan(), /command: learn then, adapt now/);
      const adapted = join(folder, 'adapted');
      await mkdir(join(adapted, 'runtime/episodes'), { recursive: true });
      const { code, err } = await nalu(['learn', adapted, '--policy', join(folder, 'policy')]);
      assert.match(
        err,
        /^nalu: .*adapted was begun otherwise;.*\n.*command: adapt then, learn now/,
      );
      assert.equal(code, 1);
    }));
});
