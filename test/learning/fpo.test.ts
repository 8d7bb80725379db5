import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { readFpoCheckpoint, writeFpoCheckpoint } from '../../src/learning/fpo/checkpoint.ts';
import { type FpoConfig, fpoSchema } from '../../src/learning/fpo/config.ts';
import { openPolicyLearner } from '../../src/learning/fpo/policy.ts';
import { drawPairs } from '../../src/learning/fpo/batch.ts';
import {
  type Fpo,
  type FpoState,
  initialFpoState,
  openFpo,
} from '../../src/learning/fpo/update.ts';
import { validate } from '../../src/validate.ts';
import { withFolder } from '../onnx/run.ts';
import { type Bandit, JOINTS, SESSION, openBandit } from './bandit.ts';

const EXPERT = { parameters: 'expert' } as const;

/** For a policy of a few thousand weights, which learns in leaps. */
const settings = (change: Record<string, unknown> = {}): FpoConfig =>
  fpoSchema.parse({
    trainable: EXPERT,
    seed: 1,
    rate: 0.1,
    clip: 0.05,
    stop: { clipShare: 0.9, drift: 0.1 },
    critics: { epochs: 2 },
    ...change,
  });

/** A run on a fresh tiny policy in its world; `start` continues one. */
const withRun = <T>(
  config: FpoConfig,
  body: (fpo: Fpo, bandit: Bandit, folder: string) => Promise<T>,
  start?: FpoState,
): Promise<T> =>
  withFolder(async (folder) => {
    const bandit = await openBandit(folder, config.trainable);
    const { bundle } = bandit;
    const state = start ?? (await initialFpoState(bundle, config));
    const fpo = await openFpo(bundle, JOINTS, config, state, SESSION);
    try {
      return await body(fpo, bandit, folder);
    } finally {
      await fpo.close();
      await bandit.close();
    }
  });

/** Attempts of the policy as it stands, and an update on them; as often as wanted. */
async function learn(fpo: Fpo, bandit: Bandit, updates: number, attempts = 96) {
  const reports = [];
  for (let i = 0; i < updates; i++) {
    const rollouts = await bandit.rollouts(1000 * fpo.state.updates, attempts);
    reports.push(await fpo.update(rollouts));
    bandit.adopt(fpo.adapter());
  }
  return reports;
}

async function successShare({ play, threshold }: Bandit): Promise<number> {
  const { first } = await play(2_000_000, 300);
  return first.filter((action) => action > threshold).length / first.length;
}

const isUserError = (pattern: RegExp) => (error: Error) =>
  error instanceof UserError && pattern.test(error.message);

describe('FPO', () => {
  it('makes rewarded actions more frequent', () =>
    withRun(settings(), async (fpo, bandit) => {
      const before = await successShare(bandit);
      const reports = await learn(fpo, bandit, 9);
      const after = await successShare(bandit);
      assert.ok(Math.abs(before - 0.5) < 0.06, `${before} to begin with`);
      assert.ok(after > before + 0.1, `from ${before} to ${after}`);
      const [warmUp, ...rest] = reports;
      assert.equal(warmUp.policy, undefined);
      assert.ok(rest.every(({ policy }) => policy!.steps > 0));
    }));

  it('leaves a policy as it is where no attempt tells more than another', () =>
    withRun(settings({ leastAdvantage: 100 }), async (fpo, bandit) => {
      const before = fpo.adapter().version;
      const [, second] = await learn(fpo, bandit, 2);
      assert.equal(second.policy, undefined);
      assert.equal(fpo.adapter().version, before);
    }));

  it('shortens a step that went further than an update may go', () =>
    withRun(settings({ rate: 3 }), async (fpo, bandit) => {
      const before = fpo.adapter().version;
      const [, { policy }] = await learn(fpo, bandit, 2);
      assert.match(policy!.stopped!, /^drift .* is above 0.1$/);
      assert.ok(policy!.drift > 0 && policy!.drift <= 0.1, `${policy!.drift}`);
      assert.notEqual(fpo.adapter().version, before);
    }));

  it('takes shorter ways the more updates have moved the policy', () =>
    withRun(
      settings({ rate: 3, stop: { drift: 0.1, later: { share: 0.25, updates: 3 } } }),
      async (fpo, bandit) => {
        const reports = await learn(fpo, bandit, 6);
        const reach = reports.flatMap(({ policy }) => policy?.farthest.toFixed(6) ?? []);
        assert.deepEqual(reach, ['0.100000', '0.075000', '0.050000', '0.025000', '0.025000']);
        assert.ok(reports.every(({ policy }) => !policy || policy.drift <= policy.farthest));
      },
    ));

  it('goes the same way however many chunks are computed at once', async () => {
    const ways = [500, 7].map((atOnce) =>
      withRun(settings({ atOnce, critics: { warmUp: 0 } }), async (fpo, bandit) => {
        const before = fpo.state.policy.vectors.parameters.slice();
        const { policy } = await fpo.update(await bandit.rollouts(0, 48));
        return {
          report: policy!,
          way: fpo.state.policy.vectors.parameters.map((value, i) => value - before[i]),
        };
      }),
    );
    const [whole, parts] = [await ways[0], await ways[1]];
    const length = Math.hypot(...whole.way);
    const apart = Math.hypot(...whole.way.map((value, i) => value - parts.way[i]));
    assert.ok(length > 0 && apart < 1e-3 * length, `${apart} apart on a way of ${length}`);
    assert.equal(parts.report.steps, whole.report.steps);
    assert.ok(Math.abs(parts.report.gain - whole.report.gain) < 1e-3);
  });

  const variants: Record<string, Record<string, unknown>> = {
    'adapters of the expert': { trainable: { parameters: 'lora', rank: 4 }, rate: 5 },
    'losses of whole chunks': { centred: false, time: 'policy' },
    'a ratio of chunks': { ratio: 'mean' },
    'a standardised ratio': { ratio: 'standardised', beta: 0.1, deviationFloor: 0.1 },
    ASPO: { aspo: true, clip: 0.2 },
    'no clipping and one critic': { clipping: false, critics: { count: 1, epochs: 2 } },
    'critics that see chunks': { critics: { sees: 'chunk', epochs: 2, baseline: 2 } },
    'no ratio': { ratio: 'none', rate: 0.03 },
  };
  for (const [name, change] of Object.entries(variants))
    it(`does so with ${name}`, () =>
      withRun(settings(change), async (fpo, bandit) => {
        const before = await successShare(bandit);
        await learn(fpo, bandit, 5);
        const after = await successShare(bandit);
        assert.ok(after > before + 0.05, `from ${before} to ${after}`);
      }));

  it('goes on from a checkpoint to the same numbers', () =>
    withFolder(async (kept) => {
      const config = settings({ epochs: 2 });
      const path = join(kept, 'fpo.safetensors');
      const through = await withRun(config, async (fpo, bandit) => {
        await learn(fpo, bandit, 2, 24);
        const { pi0 } = bandit.bundle;
        await writeFpoCheckpoint(
          path,
          { state: fpo.state, run: 'settings' },
          bandit.bundle,
          config,
        );
        const rollouts = await bandit.rollouts(7000, 24);
        const reports = [await fpo.update(rollouts), await fpo.update(rollouts)];
        const { state, run } = await readFpoCheckpoint(path, pi0, config);
        assert.equal(run, 'settings');
        return { reports, rollouts, state, last: fpo.adapter().version };
      });
      await withRun(
        config,
        async (fpo) => {
          assert.equal(fpo.state.updates, 2);
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
      const { pi0 } = bundle;
      const path = join(folder, 'fpo.safetensors');
      await writeFpoCheckpoint(path, { state: fpo.state, run: '' }, bundle, settings());
      const other = settings({ critics: { count: 2 } });
      await assert.rejects(
        readFpoCheckpoint(path, pi0, other),
        isUserError(/critics\/parameters\/layer\.0\.weight is \[5, \d+, 64\], .* \[2, \d+, 64\]/),
      );
    }));

  it('ends an update before the step that would follow too far a move', () =>
    withRun(settings({ stop: { drift: 1e-6 } }), async (fpo, bandit) => {
      const [, report] = await learn(fpo, bandit, 2, 24);
      assert.equal(report.policy?.steps, 1);
      assert.match(report.policy?.stopped ?? '', /^drift .* is above 0.000001$/);
    }));

  it('takes no step where old losses are not those of the policy', () =>
    withRun(settings(), async (fpo, bandit) => {
      const [{ chunks }] = await bandit.rollouts(0, 1);
      const { bundle } = bandit;
      const config = settings();
      const learner = await openPolicyLearner(bundle, JOINTS, config, fpo.state.policy, SESSION);
      const [drawn] = drawPairs(chunks, [1], 0, config);
      // Not the same chunk at both times that its losses are computed.
      const changing = {
        ...drawn,
        get noise() {
          return drawn.noise.map((value) => value + Math.random());
        },
      };
      const before = fpo.state.policy.vectors.parameters.slice();
      await assert.rejects(learner.learn([changing], 1), isUserError(/a ratio differs from 1/));
      assert.deepEqual(learner.state.vectors.parameters, before);
      await learner.close();
    }));

  it('says so where nothing was executed', () =>
    withRun(settings(), (fpo) =>
      assert.rejects(
        fpo.update([{ id: 'a', reward: 0, chunks: [] }]),
        isUserError(/1 attempts without any/),
      ),
    ));

  it('lets no parameter out that is not finite', () =>
    withRun(settings({ critics: { warmUp: 0, epochs: 1 } }), async (fpo, bandit) => {
      const rollouts = await bandit.rollouts(0, 4);
      rollouts[2].chunks[0].actions[0] = NaN;
      await assert.rejects(fpo.update(rollouts), UserError);
      assert.ok(fpo.state.policy.vectors.parameters.every(Number.isFinite));
      assert.ok(fpo.state.critics.training.vectors.parameters.every(Number.isFinite));
    }));
});

describe('settings of FPO', () => {
  it('refuse to train the prefix, whose caches are encoded once', () => {
    assert.throws(
      () => validate(fpoSchema, { trainable: { parameters: 'all' }, seed: 0 }, 'learn.yaml'),
      isUserError(/learn\.yaml: trainable: must be expert or lora/),
    );
  });
});
