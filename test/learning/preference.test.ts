import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RolloutChunk } from '../../src/learning/attempts/rollout.ts';
import { fpoSchema, surrogateConfig } from '../../src/learning/fpo/config.ts';
import { fpoGraph } from '../../src/learning/fpo/graph.ts';
import { drawPairs } from '../../src/learning/fpo/pairs.ts';
import { type FpoPolicy, openLearningPolicy } from '../../src/learning/fpo/policy.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import { initialPolicyState } from '../../src/learning/policyGradient/state.ts';
import type { KeptAttempt } from '../../src/learning/replay/attemptStore.ts';
import { loadReplayConfig } from '../../src/learning/replay/config.ts';
import { PREFERENCE } from '../../src/learning/replay/preference.ts';
import {
  marginsOf,
  preferenceOf,
  preferenceWeights,
} from '../../src/learning/replay/preferenceLoss.ts';
import { drawCompared, nearestPairs } from '../../src/learning/replay/preferencePairs.ts';
import { replayLearning } from '../../src/learning/replay/replayLearning.ts';
import { tensorsIn } from '../../src/learning/train/parameters.ts';
import { spreadOf } from '../../src/learning/train/spread.ts';
import { frozenWeights } from '../../src/learning/train/startingWeights.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { runGraph, withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { type Bandit, JOINTS, SESSION, openBandit } from './bandit.ts';

const BETA = 0.7;

/** Three pairs of attempts of one to three chunks each. */
const PAIRS = [
  { success: [0, 1], failure: [2] },
  { success: [3], failure: [4, 5, 6] },
  { success: [7, 8, 9], failure: [10, 11] },
];
const CHUNKS = 12;

const started = (id: string, reward: number, first: Partial<RolloutChunk>): KeptAttempt => {
  const chunk = { pooled: new Float32Array(1), mask: Float32Array.of(1), ...first };
  return { id, reward, file: '', chunks: [chunk as RolloutChunk] };
};

const close = (a: number, b: number, tolerance: number) =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

describe('the preference loss', () => {
  const losses = [...gaussianNoise(1, CHUNKS)];
  const reference = [...gaussianNoise(2, CHUNKS)];

  it('is log 2 where policy and reference are the same, and no pair is in order or out of it', () => {
    const margins = marginsOf(PAIRS, losses, losses);
    assert.deepEqual(preferenceOf(margins, BETA), { pairs: 3, ordered: 0.5, margin: 0, loss: Math.LN2 }); // prettier-ignore
  });

  it('counts the mean over chunks of how losses fell, and pairs in which the success gained more', () => {
    const fell = losses.map((loss, i) => loss + [2, 4, 1, 0, 3, 3, 0, 5, 5, 5, 5, 5][i]);
    const margins = marginsOf(PAIRS, losses, fell);
    [2, -2, 0].forEach((margin, i) => close(margins[i], margin, 1e-9));
    assert.equal(preferenceOf([2, -2, 0], BETA).ordered, 0.5);
    assert.equal(preferenceOf([2, 1, 0, -1], BETA).ordered, 0.625);
    close(preferenceOf([2, -2, 0], BETA).loss, -[2, -2, 0].reduce((sum, m) => sum - Math.log(1 + Math.exp(-BETA * m)), 0) / 3, 1e-12); // prettier-ignore
  });

  it('has the weights as its slope by each loss', () => {
    const weights = preferenceWeights(PAIRS, marginsOf(PAIRS, losses, reference), BETA);
    const lossAt = (at: number, step: number) => {
      const moved = losses.map((loss, i) => (i === at ? loss + step : loss));
      return preferenceOf(marginsOf(PAIRS, moved, reference), BETA).loss;
    };
    weights.forEach((weight, at) => {
      const slope = (lossAt(at, 1e-4) - lossAt(at, -1e-4)) / 2e-4;
      close(weight / CHUNKS, slope, 1e-7);
    });
  });

  it('does not overflow where a pair is far out of order', () => {
    const { loss } = preferenceOf([-1e4], 1);
    assert.equal(loss, 1e4);
    assert.equal(preferenceOf([1e4], 1).loss, 0);
    const [up, down] = preferenceWeights([{ success: [0], failure: [1] }], [-1e4], 1);
    assert.deepEqual([up, down], [2, -2]);
  });
});

describe('pairs of attempts', () => {
  it('are of each attempt and the one of the other outcome that began nearest, by standardised numbers', () => {
    const at = (id: string, reward: number, ...state: number[]) =>
      started(id, reward, { state: Float32Array.from(state) });
    // The first number is large and tells them apart no better than the second.
    const attempts = [at('a', 1, 0, 0), at('b', 1, 1000, 1), at('c', 0, 1000, 0.9), at('d', 0, 100, 0)]; // prettier-ignore
    const ids = nearestPairs(attempts).map(({ success, failure }) => success.id + failure.id);
    assert.deepEqual(ids, ['ad', 'bc', 'bc', 'ad']);
  });

  it('are none where all ended alike', () => {
    assert.deepEqual(nearestPairs([]), []);
    const alike = ['a', 'b'].map((id) => started(id, 0, { state: Float32Array.of(1) }));
    assert.deepEqual(nearestPairs(alike), []);
  });

  it('are drawn once each, with executed chunks alone, and the same again', () => {
    const chunk = (executed: number) => ({ mask: Float32Array.of(executed, 0) }) as RolloutChunk;
    const attempts = [1, 0].map((reward) => ({
      ...{ id: `${reward}`, reward, file: '' },
      chunks: [0, 1, 1, 0, 1, 1].map(chunk),
    }));
    const [success, failure] = attempts;
    const many = Array.from({ length: 5 }, () => ({ success, failure }));
    const { places, pairs } = drawCompared(many, { pairs: 8, chunks: 3 }, [1]);
    assert.equal(pairs.length, 5);
    for (const { success: won, failure: lost } of pairs) {
      for (const [attempt, own] of [
        [success, won],
        [failure, lost],
      ] as const) {
        // prettier-ignore
        assert.equal(new Set(own.map((at) => places[at].index)).size, 3);
        for (const at of own) {
          assert.equal(places[at].attempt, attempt);
          assert.ok([1, 2, 4, 5].includes(places[at].index));
        }
      }
    }
    assert.equal(drawCompared(many, { pairs: 2, chunks: 9 }, [1]).places.length, 2 * 2 * 4);
    assert.deepEqual(drawCompared(many, { pairs: 8, chunks: 3 }, [1]).places, places);
    assert.notDeepEqual(drawCompared(many, { pairs: 8, chunks: 3 }, [2]).places, places);
  });
});

const TRAINABLE = { parameters: 'expert' } as const;
const FPO = fpoSchema.parse({ trainable: TRAINABLE, seed: 1, samples: 4, ablation: { ratio: 'none' } }); // prettier-ignore

/** A policy that learns, a batch of twelve explored chunks, six of which succeeded, and the parameters that it began with. */
async function withBatch(
  run: (
    policy: FpoPolicy,
    batch: Awaited<ReturnType<FpoPolicy['prepare']>>,
    pairs: typeof PAIRS,
    bandit: Bandit,
  ) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const bandit = await openBandit(folder, TRAINABLE);
    const { bundle } = bandit;
    const rollouts = await bandit.rollouts(0, 32);
    const six = (success: boolean) =>
      rollouts.filter(({ reward }) => reward > 0 === success).slice(0, CHUNKS / 2);
    const chunks = [...six(true), ...six(false)].flatMap((attempt) => attempt.chunks);
    const pairs = [0, 1, 2].map((pair) => ({
      success: [2 * pair, 2 * pair + 1],
      failure: [6 + 2 * pair, 7 + 2 * pair],
    }));
    const { policy: start } = await initialPolicyState(bundle, FPO);
    const context = { bundle, joints: JOINTS, session: SESSION };
    const policy = await openLearningPolicy(context, { ...FPO, rate: 1 }, start);
    try {
      const batch = await policy.prepare(drawPairs(chunks.map((chunk) => ({ chunk, advantage: 0 })), 0, FPO)); // prettier-ignore
      await run(policy, batch, pairs, bandit);
    } finally {
      await policy.close();
      await bandit.close();
    }
  });
}

describe('a policy that learns from preferences', { timeout: 120_000 }, () => {
  it('has the gradient that differences of the loss have', () =>
    withBatch(async (policy, batch, pairs, { bundle }) => {
      const learnable = learnableOf(bundle);
      const parameters = learnable.parameters(TRAINABLE);
      const begun = policy.state.vectors.parameters.slice();
      const { length } = begun;
      const nudge = gaussianNoise(3, length);
      const moved = begun.map((value, i) => value + 0.02 * nudge[i]);
      const reference = await policy.losses(batch, begun);
      const marginsAt = async (values: Float32Array) =>
        marginsOf(pairs, await policy.losses(batch, values), reference);
      const margins = await marginsAt(moved);
      assert.ok(Math.max(...margins.map(Math.abs)) > 0.05, margins.join());

      const graph = fpoGraph(
        {
          ...{ policy: learnable, trainable: TRAINABLE, samples: 4, dims: JOINTS },
          ...{ cameras: bundle.cameras.length, text: learnable.maxTokens, keeps: false },
        },
        surrogateConfig(FPO),
      );
      const { parts } = policy.weighed(batch, preferenceWeights(pairs, margins, BETA));
      const result = await runGraph(graph, {
        ...(await frozenWeights(bundle, graph, parameters)),
        ...Object.fromEntries(tensorsIn(moved, parameters)),
        ...parts[0].feeds(),
      });
      const gradient = Float32Array.from(parameters.flatMap(({ name }) => [...(result[`gradient.${name}`].data as Float32Array)])); // prettier-ignore
      const size = Math.hypot(...gradient);
      const along = [gradient.map((value) => value / size), ...[4, 5, 6].map((seed) => gaussianNoise(seed, length).map((value) => value / Math.sqrt(length)))]; // prettier-ignore
      for (const direction of along) {
        const lossAt = async (step: number) =>
          preferenceOf(await marginsAt(moved.map((value, i) => value + step * direction[i])), BETA)
            .loss;
        const slope = ((await lossAt(0.01)) - (await lossAt(-0.01))) / 0.02;
        const expected = direction.reduce((sum, value, i) => sum + value * gradient[i], 0);
        close(slope, expected, 0.02 * Math.abs(expected) + 0.002 * size);
      }
    }));

  it('makes chunks of successes likelier and those of failures less so', () =>
    withBatch(async (policy, batch, pairs) => {
      const before = await policy.losses(batch);
      const margins = marginsOf(pairs, before, before);
      assert.equal(preferenceOf(margins, 1).loss, Math.LN2);
      const weighed = policy.weighed(batch, preferenceWeights(pairs, margins, 1));
      await policy.step(weighed, ({ farthestRatio }) => farthestRatio < 1e-4);
      policy.shortenStep(0.05);
      const after = await policy.losses(batch);
      const fell = before.map((loss, i) => loss - after[i]);
      assert.ok(spreadOf(fell.slice(0, 6)).mean > 0, fell.join());
      assert.ok(spreadOf(fell.slice(6)).mean < 0, fell.join());
      const { loss, ordered } = preferenceOf(marginsOf(pairs, after, before), 1);
      assert.ok(loss < Math.LN2 && ordered > 0.5, `${loss}, ${ordered}`);
    }));

  it('compares with the policy that learning began with, within the trust region', () =>
    withFolder(async (folder) => {
      const bandit = await openBandit(join(folder, 'policy'), TRAINABLE);
      const defaults = await loadReplayConfig(undefined, 1);
      const config = {
        ...{ ...defaults, warmUp: 0, critics: { ...defaults.critics, steps: 1 } },
        preference: { ...defaults.preference, recent: 16 },
      };
      const context = { bundle: bandit.bundle, joints: JOINTS, session: SESSION, folder };
      const algorithm = await replayLearning(PREFERENCE, config)(context);
      const first = await algorithm.update(await bandit.rollouts(0, 16));
      const { before, after } = first.reuse!.preferred!;
      assert.deepEqual([before.loss, before.margin, before.ordered], [Math.LN2, 0, 0.5]);
      assert.ok(after.loss < before.loss && after.margin > 0 && after.ordered > 0.5);
      assert.ok(first.policy!.approxKl <= first.policy!.klLimit);
      const said = describeEvent({ event: 'published', version: 'b', parent: 'a', report: first });
      assertSaid(said, '50 % to', 'of 16 pairs', `0.000 to ${after.margin.toFixed(3)}`);

      const second = await algorithm.update(await bandit.rollouts(16, 16));
      assert.notEqual(second.reuse!.preferred!.before.margin, 0);

      // Of the newest attempts none tells what does better, though of all that are kept some would.
      const { version } = algorithm.adapter();
      const failures = (await bandit.rollouts(32, 16)).map((one) => ({ ...one, reward: 0 }));
      const { skipped, reuse } = await algorithm.update(failures);
      assert.ok(skipped !== undefined);
      assert.equal(reuse!.kept, 48);
      assert.equal(algorithm.adapter().version, version);
      await algorithm.close();
      await bandit.close();
    }));
});
