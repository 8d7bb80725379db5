import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { type FpoConfig, fpoSchema } from '../../src/learning/fpo/config.ts';
import { FPO } from '../../src/learning/fpo/fpo.ts';
import { formatShape } from '../../src/onnx/dim.ts';
import { drawPairs } from '../../src/learning/fpo/pairs.ts';
import { openLearningPolicy } from '../../src/learning/fpo/policy.ts';
import { optimise } from '../../src/learning/policyGradient/optimise.ts';
import { type PolicyGradient, openAt } from '../../src/learning/policyGradient/policyGradient.ts';
import {
  type GradientState,
  initialRunState,
  readRunState,
} from '../../src/learning/policyGradient/state.ts';
import { adapterParameters } from '../../src/learning/train/parameters.ts';
import { makeAdapter } from '../../src/policy/bundle/adapter.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { writeSafetensors } from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { type Bandit, JOINTS, SESSION, openBandit } from './bandit.ts';
import { tinyBundle } from './tiny.ts';

const EXPERT = { parameters: 'expert' } as const;

/** For a policy of a few thousand weights, which learns in leaps. */
const settings = (change: Record<string, unknown> = {}): FpoConfig =>
  fpoSchema.parse({
    trainable: EXPERT,
    seed: 1,
    rate: 0.1,
    clip: 0.05,
    trustRegion: { maxClipFraction: 0.9, maxKl: 0.1 },
    critics: { epochs: 2 },
    ...change,
  });

/** A run on a fresh tiny policy in its world; `start` continues one. */
const withRun = <T>(
  config: FpoConfig,
  body: (fpo: PolicyGradient, bandit: Bandit, folder: string) => Promise<T>,
  start?: GradientState,
): Promise<T> =>
  withFolder(async (folder) => {
    const bandit = await openBandit(folder, config.trainable);
    const { bundle } = bandit;
    const state = start ?? (await initialRunState(bundle, config));
    const fpo = await openAt(FPO, { bundle, joints: JOINTS, session: SESSION }, config, state);
    try {
      return await body(fpo, bandit, folder);
    } finally {
      await fpo.close();
      await bandit.close();
    }
  });

/** Attempts of the policy as it stands, and an update on them; as often as wanted. */
async function learn(fpo: PolicyGradient, bandit: Bandit, updates: number, attempts = 96) {
  const reports = [];
  for (let i = 0; i < updates; i++) {
    const rollouts = await bandit.rollouts(1000 * Number(fpo.state.values.updates), attempts);
    reports.push(await fpo.update(rollouts));
    await bandit.adopt(fpo.adapter());
  }
  return reports;
}

/** One vector of a run's state, such as `policy/parameters`: a copy of all its tensors. */
const vectorOf = ({ state }: PolicyGradient, prefix: string): number[] =>
  state.tensors
    .filter(({ name }) => name.startsWith(`${prefix}/`))
    .flatMap(({ data }) => [...(data as Float32Array)]);

async function successShare({ play, threshold }: Bandit): Promise<number> {
  const { first } = await play(2_000_000, 300);
  return first.filter((action) => action > threshold).length / first.length;
}

/** Writes a run's state as a learner does. */
const writeState = (path: string, { state: { format, tensors, values } }: PolicyGradient) =>
  writeSafetensors(path, tensors, { format, ...values });

describe('FPO', () => {
  /** The share of attempts in which a policy that has not learned succeeds. */
  let fresh: number;
  before(() =>
    withRun(settings(), async (_, bandit) => {
      fresh = await successShare(bandit);
    }),
  );

  it('makes rewarded actions more frequent', () =>
    withRun(settings(), async (fpo, bandit) => {
      const reports = await learn(fpo, bandit, 9);
      const after = await successShare(bandit);
      assert.ok(Math.abs(fresh - 0.5) < 0.06, `${fresh} to begin with`);
      assert.ok(after > fresh + 0.1, `from ${fresh} to ${after}`);
      const [warmUp, ...rest] = reports;
      assert.equal(warmUp.policy, undefined);
      assert.ok(rest.every(({ policy }) => policy!.steps > 0));
    }));

  it('leaves a policy as it is where no attempt tells more than another', () =>
    withRun(settings({ minAdvantage: 100 }), async (fpo, bandit) => {
      const before = fpo.adapter().version;
      const [, second] = await learn(fpo, bandit, 2);
      assert.equal(second.policy, undefined);
      assert.equal(fpo.adapter().version, before);
    }));

  it('shortens a step that went further than an update may go', () =>
    withRun(settings({ rate: 3 }), async (fpo, bandit) => {
      const before = fpo.adapter().version;
      const [, { policy }] = await learn(fpo, bandit, 2);
      assertSaid(policy!.stopped!, 'above 0.1');
      assert.ok(policy!.approxKl > 0 && policy!.approxKl <= 0.1, `${policy!.approxKl}`);
      assert.notEqual(fpo.adapter().version, before);
    }));

  it('takes shorter ways the more updates have moved the policy', () =>
    withRun(
      settings({ rate: 3, trustRegion: { maxKl: 0.1, decay: { share: 0.25, updates: 3 } } }),
      async (fpo, bandit) => {
        const reports = await learn(fpo, bandit, 6);
        const limits = reports.flatMap(({ policy }) => policy?.klLimit.toFixed(6) ?? []);
        assert.deepEqual(limits, ['0.100000', '0.075000', '0.050000', '0.025000', '0.025000']);
        assert.ok(reports.every(({ policy }) => !policy || policy.approxKl <= policy.klLimit));
      },
    ));

  it('goes the same way however many chunks are computed at once', async () => {
    const ways = [500, 7].map((microbatch) =>
      withRun(settings({ microbatch, critics: { warmUp: 0 } }), async (fpo, bandit) => {
        const before = vectorOf(fpo, 'policy/parameters');
        const { policy } = await fpo.update(await bandit.rollouts(0, 48));
        return {
          report: policy!,
          way: vectorOf(fpo, 'policy/parameters').map((value, i) => value - before[i]),
        };
      }),
    );
    const [whole, parts] = [await ways[0], await ways[1]];
    const length = Math.hypot(...whole.way);
    const apart = Math.hypot(...whole.way.map((value, i) => value - parts.way[i]));
    assert.ok(length > 0 && apart < 1e-3 * length, `${apart} apart on a way of ${length}`);
    assert.equal(parts.report.steps, whole.report.steps);
    assert.ok(Math.abs(parts.report.expectedGain - whole.report.expectedGain) < 1e-3);
  });

  const variants: Record<string, Record<string, unknown>> = {
    'adapters of the expert': { trainable: { parameters: 'lora', rank: 4 }, rate: 5 },
    'losses of whole chunks': { ablation: { centred: false, time: 'policy' } },
    'a ratio of chunks': { ablation: { ratio: 'mean' } },
    'a standardised ratio': {
      ablation: { ratio: 'standardised', beta: 0.1, deviationFloor: 0.1 },
    },
    ASPO: { ablation: { aspo: true }, clip: 0.2 },
    'no clipping and one critic': {
      ablation: { clipping: false },
      critics: { count: 1, epochs: 2 },
    },
    'no ratio': { ablation: { ratio: 'none' }, rate: 0.03 },
  };
  for (const [name, change] of Object.entries(variants))
    it(`does so with ${name}`, () =>
      withRun(settings(change), async (fpo, bandit) => {
        await learn(fpo, bandit, 5);
        const after = await successShare(bandit);
        assert.ok(after > fresh + 0.05, `from ${fresh} to ${after}`);
      }));

  it('goes on from a checkpoint to the same numbers', () =>
    withFolder(async (kept) => {
      const config = settings({ epochs: 2 });
      const path = join(kept, 'fpo.safetensors');
      const through = await withRun(config, async (fpo, bandit) => {
        await learn(fpo, bandit, 2, 24);
        await writeState(path, fpo);
        const rollouts = await bandit.rollouts(7000, 24);
        const reports = [await fpo.update(rollouts), await fpo.update(rollouts)];
        const state = await readRunState(path, bandit.bundle, config, FPO.format);
        return { reports, rollouts, state, last: fpo.adapter().version };
      });
      await withRun(
        config,
        async (fpo) => {
          assert.equal(fpo.state.values.updates, '2');
          const { rollouts } = through;
          assert.deepEqual(
            [await fpo.update(rollouts), await fpo.update(rollouts)],
            through.reports,
          );
          assert.equal(fpo.adapter().version, through.last);
        },
        through.state,
      );
    }));

  it('refuses a checkpoint of other critics, with both shapes', () =>
    withRun(settings(), async (fpo, { bundle }, folder) => {
      const path = join(folder, 'fpo.safetensors');
      await writeState(path, fpo);
      const other = settings({ critics: { count: 2 } });
      const weight = 'critics/parameters/layer.0.weight';
      const [count, ...rest] = fpo.state.tensors.find(({ name }) => name === weight)!.shape;
      await assertRejectsAbout(readRunState(path, bundle, other, FPO.format), {
        ...{ kind: 'mismatch', subject: path, fields: [weight] },
        names: [count, 2].map((critics) => formatShape([critics, ...rest])),
      });
    }));

  it('ends an update before the step that would follow too far a move', () =>
    withRun(settings({ trustRegion: { maxKl: 1e-6 } }), async (fpo, bandit) => {
      const [, report] = await learn(fpo, bandit, 2, 24);
      assert.equal(report.policy?.steps, 1);
      assertSaid(report.policy?.stopped ?? '', 'above 0.000001');
    }));

  it('takes no step where old losses are not those of the policy', () =>
    withRun(settings(), async (_, bandit) => {
      const [{ chunks }] = await bandit.rollouts(0, 1);
      const config = settings();
      const state = await initialRunState(bandit.bundle, config);
      const context = { bundle: bandit.bundle, joints: JOINTS, session: SESSION };
      const policy = await openLearningPolicy(context, config, state.policy);
      const pairs = drawPairs([{ chunk: chunks[0], advantage: 1 }], 0, config);
      const others = pairs.map((pair) => ({ ...pair, noise: pair.noise.map((x) => x + 0.5) }));
      const [{ chunks: prepared }, { parts }] = [
        await policy.prepare(pairs),
        await policy.prepare(others),
      ];
      const before = policy.state.vectors.parameters.slice();
      await assertRejectsAbout(optimise({ policy, config }, { chunks: prepared, parts }, 1), {
        kind: 'mismatch',
      });
      assert.deepEqual(policy.state.vectors.parameters, before);
      await policy.close();
    }));

  it('moves the chunks of one network call along their advantages, from ratios of 1', () =>
    withFolder(async (folder) => {
      const config = settings();
      const oneCall = { ...tinyBundle, integration: { steps: 1, solver: 'euler' } as const };
      const bandit = await openBandit(folder, config.trainable, oneCall);
      const { bundle } = bandit;
      const before = (await bandit.play(0, 48)).chunks;
      const explored = (await bandit.rollouts(0, 48)).flatMap(({ chunks: [chunk], reward }) => ({
        chunk,
        advantage: reward > 0 ? 1 : -1,
      }));
      const context = { bundle, joints: JOINTS, session: SESSION };
      const { policy: start } = await initialRunState(bundle, config);
      const policy = await openLearningPolicy(context, config, start);
      const batch = await policy.prepare(drawPairs(explored, 0, config));
      const { farthestRatio } = await policy.measure(batch);
      assert.ok(farthestRatio < 1e-4, `${farthestRatio} from 1`);
      await optimise({ policy, config }, batch, 0.1);
      const expert = learnableOf(bundle).parameters(EXPERT);
      const parameters = adapterParameters(policy.state.vectors.parameters, expert);
      await policy.close();

      await bandit.adopt(makeAdapter({ trainable: EXPERT, base: bundle.base, parameters }));
      const after = (await bandit.play(0, 48)).chunks;
      const gains = explored.map(({ chunk: { actions, mask }, advantage }, i) =>
        actions.reduce((sum, action, at) => {
          const [was, is] = [before[i].actions[at], after[i].actions[at]];
          return sum + advantage * mask[Math.floor(at / JOINTS)] * (is - was) * (action - was);
        }, 0),
      );
      assert.ok(gains.reduce((a, b) => a + b) > 0);
      await bandit.close();
    }));

  it('says so where nothing was executed', () =>
    withRun(settings(), (fpo) =>
      assertRejectsAbout(fpo.update([{ id: 'a', reward: 0, chunks: [] }]), {
        ...{ kind: 'missing', names: ['1 attempts'] },
      }),
    ));

  it('lets no parameter out that is not finite', () =>
    withRun(settings({ critics: { warmUp: 0, epochs: 1 } }), async (fpo, bandit) => {
      const rollouts = await bandit.rollouts(0, 4);
      rollouts[2].chunks[0].actions[0] = NaN;
      await assertRejectsAbout(fpo.update(rollouts), { kind: 'unready', names: ['NaN'] });
      for (const prefix of ['policy/parameters', 'critics/parameters']) {
        const vector = vectorOf(fpo, prefix);
        assert.ok(vector.length > 0 && vector.every(Number.isFinite));
      }
    }));
});
