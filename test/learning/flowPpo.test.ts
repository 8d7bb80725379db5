import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lossIn, openSurrogateRun, slopeAlong } from './surrogateRun.ts';
import type { Rollout } from '../../src/learning/attempts/rollout.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { type FlowPpoConfig, flowPpoConfig } from '../../src/learning/flowPpo/config.ts';
import { FLOW_PPO } from '../../src/learning/flowPpo/flowPpo.ts';
import {
  type PreparedStep,
  flowSteps,
  meanFeeds,
  surrogateFeeds,
} from '../../src/learning/flowPpo/flowSteps.ts';
import { flowPpoGraph } from '../../src/learning/flowPpo/graph.ts';
import { openFlowPpoPolicy } from '../../src/learning/flowPpo/policy.ts';
import { rowWeights } from '../../src/learning/flowPpo/rowWeights.ts';
import type { AdvantageChunk } from '../../src/learning/policyGradient/learningPolicy.ts';
import { type PolicyGradient, openAt, policyGradient } from '../../src/learning/policyGradient/policyGradient.ts'; // prettier-ignore
import { initialRunState } from '../../src/learning/policyGradient/state.ts';
import { METHODS } from '../../src/learning/methods.ts';
import { spreadOf } from '../../src/learning/train/spread.ts';
import { frozenWeights } from '../../src/learning/train/startingWeights.ts';
import { initialState } from '../../src/learning/train/trainer.ts';
import type { Adapter } from '../../src/policy/bundle/adapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { SampledJoin } from '../../src/policy/joinKinds.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { explorationNoise, explorationSchema } from '../../src/policy/exploration.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { writeSafetensors } from '../../src/tensors/safetensors.ts';
import { onWarning } from '../../src/warnings.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid, assertThrowsAbout } from '../refusals.ts';
import { changed } from './attempts.ts';
import { type Bandit, JOINTS, SESSION, attempt, openBandit } from './bandit.ts';
import { tinyBundle, writeTinyBundle } from './tiny.ts';

const { horizon, actionDim } = tinyBundle.architecture;
const NUMBERS = horizon * actionDim;

/** Far more than a trained policy bears, and more in common to neighbouring rows than not. */
const EXPLORATION = explorationSchema.parse({ ...METHODS['flow-ppo'].exploration, size: 0.3, correlation: 0.9, initialNoise: 1 }); // prettier-ignore

const settings = (change: Record<string, unknown> = {}): FlowPpoConfig =>
  flowPpoConfig({ seed: 1, rate: 0.1, ...change }, 'the test');

/** A run on the tiny policy in its world, whose chunks take so many network calls. */
async function withRun<T>(
  body: (run: PolicyGradient, bandit: Bandit, config: FlowPpoConfig) => Promise<T>,
  { calls = 2, config = settings() } = {},
): Promise<T> {
  return withFolder(async (folder) => {
    const integration = { steps: calls, solver: 'euler' } as const;
    const bandit = await openBandit(folder, config.trainable, { ...tinyBundle, integration });
    const context = { bundle: bandit.bundle, joints: JOINTS, session: SESSION };
    const start = await initialRunState(bandit.bundle, config);
    const run = await openAt(FLOW_PPO, context, config, start);
    try {
      return await body(run, bandit, config);
    } finally {
      await run.close();
      await bandit.close();
    }
  });
}

const openAtValues = (bandit: Bandit, config: FlowPpoConfig, values: Float32Array) =>
  openFlowPpoPolicy(
    { bundle: bandit.bundle, joints: JOINTS, session: SESSION },
    config,
    initialState(values.slice()),
  );

/** The policy's parameters, and the same moved a little. */
async function parametersOf(bandit: Bandit, config: FlowPpoConfig) {
  const { policy } = await initialRunState(bandit.bundle, config);
  const now = policy.vectors.parameters;
  const noise = gaussianNoise([3], now.length);
  return { now, moved: now.map((value, i) => value + 0.02 * noise[i]) };
}

/** An adapter of the run with other values. */
function withValues({ trainable, base, parameters }: Adapter, values: Float32Array): Adapter {
  let from = 0;
  const own: Adapter['parameters'] = new Map();
  for (const [name, { shape, data }] of parameters)
    own.set(name, { shape, data: values.slice(from, (from += data.length)) });
  return { trainable, base, parameters: own, version: 'moved' };
}

const withAdvantages = (rollouts: readonly Rollout[]): AdvantageChunk[] =>
  rollouts.flatMap(({ chunks, reward }) =>
    chunks.map((chunk) => ({ chunk, advantage: reward > 0 ? 0.8 : -1.2 })),
  );

const momentOf = (...versions: string[]) => ({ update: 0, versions });

const close = (value: number, wanted: number, tolerance: number) =>
  assert.ok(Math.abs(value - wanted) <= tolerance, `${value} is not ${wanted}`);

/** Minus the log density of the mean over the rows `from` to `to` of exploration's noise, but for a constant. */
function energyOf(noise: ArrayLike<number>, from: number, to: number): number {
  const { size, correlation, persistence } = EXPLORATION;
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  const pairs = rows.flatMap((i) => rows.map((j) => i - j));
  // Of a common part, and of neighbours that are alike.
  const variance = pairs.reduce((sum, apart) => sum + size ** 2 * (persistence + (1 - persistence) * correlation ** Math.abs(apart)), 0) / rows.length ** 2; // prettier-ignore
  let energy = 0;
  for (let dim = 0; dim < actionDim; dim++) {
    const mean = rows.reduce((sum, row) => sum + noise[row * actionDim + dim], 0) / rows.length;
    energy += mean ** 2 / variance / 2;
  }
  return energy;
}

describe('the mean of rows', () => {
  it('is made one standard normal number of what exploration adds, of those that count alone', () => {
    const exploration = explorationSchema.parse({ size: 0.3, correlation: 0.8, persistence: 0.4 });
    const counted = Float32Array.of(0, 1, 1, 0, 1, 0);
    const weights = rowWeights(exploration, counted);
    const flow = { integration: { steps: 1, solver: 'euler' }, horizon: 6, actionDim: 1 } as const;
    const drawn = Array.from({ length: 20_000 }, (_, i) => {
      const noise = explorationNoise(exploration, { seed: i, attempt: i + 50_000 }, flow);
      return weights.reduce((sum, weight, row) => sum + weight * noise[row], 0);
    });
    const { mean, deviation } = spreadOf(drawn);
    close(mean, 0, 0.03);
    close(deviation, 1, 0.03);
    assert.deepEqual([...weights].map((weight) => weight > 0), [false, true, true, false, true, false]); // prettier-ignore
  });
});

describe('how likely the steps of a flow are', () => {
  it('is what the density of their noise says: computed by hand, of means that the sampler has', () =>
    withRun(
      async (run, bandit, config) => {
        const { now, moved } = await parametersOf(bandit, config);
        const chunks = withAdvantages(await bandit.rollouts(0, 8, EXPLORATION));
        const [before, after] = [await openAtValues(bandit, config, now), await openAtValues(bandit, config, moved)]; // prettier-ignore
        try {
          // To the policy at `moved`, the chunks are another's, whose likelihood is that of their noise.
          const { steps } = await after.batchOf(chunks, momentOf('another'));
          assert.equal(steps.length, 8);
          // Where a flow of one call goes from the same noise, the mean of its one step.
          await bandit.adopt(withValues(run.adapter(), moved));
          for (const [i, { chunk, before: log, start }] of steps.entries()) {
            const { chunks: made } = await bandit.play(i, 1, { ...EXPLORATION, size: 0 });
            const [{ actions: mean, noise }] = made;
            assert.deepEqual(noise, chunk.noise, 'of the same seed');
            start.forEach((value, at) => close(value, mean[at], 1e-5));
            const residual = chunk.actions.map((value, at) => value - mean[at]);
            const drawn = energyOf(chunk.chain!.noise, 0, 2);
            const wanted = drawn - energyOf(residual, 0, 2);
            assert.ok(Math.abs(wanted) > 1e-3);
            close(log, wanted, 1e-3 * Math.max(1, Math.abs(wanted)));
          }
          const own = await before.batchOf(chunks, momentOf(chunks[0].chunk.policyVersion));
          const { ratios, approxKl, clipFraction } = await before.measure(own);
          assert.ok(ratios.every((ratio) => ratio === 1));
          assert.deepEqual([approxKl, clipFraction], [0, 0]);
        } finally {
          await before.close();
          await after.close();
        }
      },
      { calls: 1 },
    ));

  it('is counted at each step that explored, from where the flow stood, and at no other', () =>
    withRun(
      async (_, bandit, config) => {
        const exploration = { ...EXPLORATION, steps: 2 };
        const chunks = withAdvantages(await bandit.rollouts(0, 4, exploration));
        const { now } = await parametersOf(bandit, config);
        const policy = await openAtValues(bandit, config, now);
        try {
          const { steps } = await policy.batchOf(chunks, momentOf());
          assert.deepEqual(steps.slice(0, 2).map(({ call }) => call), [1, 3]); // prettier-ignore
          assert.equal(steps.length, 8);
          for (const { start, chain, call, before } of steps) {
            const at = (all: Float32Array) => all.slice(call * NUMBERS, (call + 1) * NUMBERS);
            const noise = at(chain.noise);
            at(chain.states).forEach((state, i) => close(start[i], state - noise[i], 1e-5));
            close(before, 0, 1e-3);
          }
        } finally {
          await policy.close();
        }
      },
      { calls: 4 },
    ));
});

/** The steps of chunks that were joined to another, whose means the sampler and the learner compute with two graphs. */
async function joinedSteps(kind: SampledJoin): Promise<PreparedStep[]> {
  return withFolder(async (folder) => {
    await writeTinyBundle(folder, 4, { ...tinyBundle, maxDelay: 2 });
    const bundle = await loadBundle(folder);
    const config = settings();
    const sampler = await openSampler(bundle, SESSION, {
      trainable: config.trainable,
      joins: kind,
    });
    const encoder = await openRolloutEncoder(bundle, SESSION);
    const { policy: start } = await initialRunState(bundle, config);
    const policy = await openFlowPpoPolicy({ bundle, joints: JOINTS, session: SESSION }, config, start); // prettier-ignore
    try {
      const rows = Float32Array.from({ length: 3 * JOINTS }, (_, i) => 1 - i / 5);
      const pixels = new Uint8Array(8 * 8 * 3).fill(120);
      const image = { width: 8, height: 8, pixels };
      const made = await sampler.sample({
        ...{ images: [image, image], state: new Float64Array(JOINTS), prompt: 'go' },
        noise: { seed: 5, exploration: EXPLORATION },
        join: { rows, delay: 1 },
      });
      const { joined, chain, policyVersion } = made;
      assert.equal(joined!.kind, kind);
      const record = { join: kind, joined, chain, policyVersion };
      const episode = changed(attempt(0, made.actions, true, 3, made.noise), record);
      const { chunks } = await encoder.encode(episode);
      const advantages = chunks.map((chunk) => ({ chunk, advantage: 1 }));
      return [...(await policy.batchOf(advantages, momentOf(policyVersion))).steps];
    } finally {
      await sampler.close();
      await encoder.close();
      await policy.close();
    }
  });
}

describe('the steps of chunks that were made to join another', () => {
  for (const kind of ['approximate', 'trained'] as const)
    it(`go where the sampler goes, but for rows that the chunk before gave: ${kind}`, async () => {
      const steps = await joinedSteps(kind);
      assert.equal(steps.length, 4);
      for (const { start, chain, call, chunk, weights: ofRows } of steps) {
        const weights = chunk.join!.weights;
        assert.equal(weights[0], 1);
        assert.ok(kind === 'trained' || (weights[1] > 0 && weights[1] < 1));
        for (let row = 0; row < horizon; row++) {
          assert.equal(ofRows[row] > 0, row === 1 || row === 2);
          if (row === 0) continue;
          for (let i = row * actionDim; i < (row + 1) * actionDim; i++) {
            const at = call * NUMBERS + i;
            close(start[i], chain.states[at] - chain.noise[at], 1e-5);
          }
        }
      }
    });
});

/** The surrogate's graph on a batch, with weights that are its inputs. */
async function openSurrogate(bandit: Bandit, config: FlowPpoConfig, chunks: AdvantageChunk[]) {
  const { bundle } = bandit;
  const policy = learnableOf(bundle);
  const { now } = await parametersOf(bandit, config);
  const opened = await openAtValues(bandit, config, now);
  const { steps } = await opened.batchOf(chunks, momentOf(chunks[0].chunk.policyVersion));
  await opened.close();
  const { trainable, clip } = config;
  const options = { policy, trainable, cameras: bundle.cameras.length, text: policy.maxTokens, dims: JOINTS, keeps: false }; // prettier-ignore
  const graph = flowPpoGraph(options, clip);
  const parameters = policy.parameters(trainable);
  const frozen = await frozenWeights(bundle, graph, parameters);
  const feeds = { ...frozen, ...meanFeeds(steps, policy, false), ...surrogateFeeds(steps, policy) };
  return { steps, ...(await openSurrogateRun(graph, parameters, feeds)) };
}

describe('the surrogate of the steps of flows', () => {
  const withSurrogate = <T>(
    body: (
      surrogate: Awaited<ReturnType<typeof openSurrogate>>,
      values: Float32Array,
    ) => Promise<T>,
  ) =>
    withRun(async (_, bandit, config) => {
      const chunks = withAdvantages(await bandit.rollouts(0, 12, EXPLORATION));
      const surrogate = await openSurrogate(bandit, config, chunks);
      try {
        const { moved } = await parametersOf(bandit, config);
        return await body(surrogate, moved);
      } finally {
        await surrogate.close();
      }
    });

  it('is the mean over steps of what PPO clips, by ratios and divergences of Gaussians', () =>
    withSurrogate(async ({ steps, run }, values) => {
      const outputs = await run(values);
      const [means, moved, divergences] = ['means', 'moved', 'divergences'].map((name) => outputs[name].data as Float32Array); // prettier-ignore
      const objectives = steps.map(({ start, residual, advantage }, i) => {
        const shift = start.map((value, at) => means[i * NUMBERS + at] - value);
        const left = residual.map((value, at) => value - shift[at]);
        const log = energyOf(residual, 0, 2) - energyOf(left, 0, 2);
        close(moved[i], log, 1e-3 * Math.max(1, Math.abs(log)));
        const divergence = energyOf(shift, 0, 2);
        close(divergences[i], divergence, 1e-3 * Math.max(1, divergence));
        const ratio = Math.exp(log);
        return Math.min(advantage * ratio, advantage * Math.min(Math.max(ratio, 0.8), 1.2));
      });
      assert.ok(moved.some((log) => Math.abs(log) > 0.2));
      const mean = objectives.reduce((a, b) => a + b) / objectives.length;
      close(lossIn(outputs), -mean, 1e-3 * Math.abs(mean));
    }));

  it('has the gradient that finite differences have', () =>
    withSurrogate(async (surrogate, values) => {
      const { length, slope } = await slopeAlong(surrogate, values, 5e-4);
      assert.ok(length > 1e-3);
      close(slope, length, 0.03 * length);
    }));
});

describe('learning from the steps of flows', () => {
  it('makes rewarded actions more frequent, and its surrogate better', () =>
    withRun(async (run, bandit) => {
      const share = async () => {
        const { first } = await bandit.play(2_000_000, 200);
        return first.filter((action) => action > bandit.threshold).length / first.length;
      };
      const before = await share();
      const updates = [];
      for (let i = 0; i < 6; i++) {
        updates.push(await run.update(await bandit.rollouts(1000 * i, 64, EXPLORATION)));
        await bandit.adopt(run.adapter());
      }
      const after = await share();
      assert.ok(after > before + 0.1, `from ${before} to ${after}`);
      const [first, ...rest] = updates;
      assert.equal(first.policy, undefined, 'critics learn first');
      for (const { policy } of rest) {
        assert.ok(policy!.steps > 0 && policy!.approxKl <= 1.5 * policy!.klLimit);
        assert.ok(policy!.expectedGain > 0);
      }
    }));

  it('is repeated from its state to the same numbers', () =>
    withFolder((folder) =>
      withRun(async (run, bandit, config) => {
        const [first, second] = [await bandit.rollouts(0, 16, EXPLORATION), await bandit.rollouts(50, 16, EXPLORATION)]; // prettier-ignore
        await run.update(first);
        const { format, tensors, values } = run.state;
        const file = join(folder, 'state.safetensors');
        await writeSafetensors(file, tensors, { format, ...values });
        const through = await run.update(second);
        assert.ok(through.policy!.steps > 0);
        const context = { bundle: bandit.bundle, joints: JOINTS, session: SESSION };
        const again = await policyGradient(FLOW_PPO, config)(context, file);
        try {
          assert.deepEqual(await again.update(second), through);
          assert.equal(again.adapter().version, run.adapter().version);
        } finally {
          await again.close();
        }
      }),
    ));

  it('weighs the chunks of the version before by how likely they were to that one', () =>
    withRun(
      async (run, bandit, config) => {
        const old = await bandit.rollouts(0, 32, EXPLORATION);
        const { policy: first } = await run.update(old);
        assert.ok(first!.ratios.deviation > 0.1);
        // Its ratios begin where the first update ended, not at 1.
        const values = [...run.adapter().parameters.values()].flatMap(({ data }) => [...data]);
        const policy = await openAtValues(bandit, config, Float32Array.from(values));
        try {
          const batch = await policy.batchOf(withAdvantages(old), momentOf(run.adapter().version));
          const { ratios, approxKl } = await policy.measure(batch);
          assert.equal(approxKl, 0);
          for (const name of ['mean', 'deviation', 'least', 'most'] as const)
            close(spreadOf(ratios)[name], first!.ratios[name], 1e-3);
        } finally {
          await policy.close();
        }
      },
      { config: settings({ critics: { warmUp: 0 }, minAdvantage: 0 }) },
    ));

  it('leaves out chunks whose steps were not recorded, and is refused where all are', () =>
    withRun(
      async (run, bandit) => {
        const without = await bandit.rollouts(0, 16, { ...EXPLORATION, chain: undefined });
        const warnings: string[] = [];
        const silence = onWarning((text) => warnings.push(text));
        const mixed = [...(await bandit.rollouts(0, 1, EXPLORATION)), without[0]];
        assert.equal(flowSteps(withAdvantages(mixed)).length, 2);
        silence();
        assert.equal(warnings.length, 1);
        assertSaid(warnings[0], '1 of 2', 'chain: true');
        await assertRejectsAbout(run.update(without), {
          ...{ kind: 'missing', fields: ['chain'] },
          names: ['16 of 16', 'chain: true', 'method: flow-ppo'],
        });
      },
      { config: settings({ critics: { warmUp: 0 }, minAdvantage: 0 }) },
    ));

  it('takes no step on chunks that this policy did not make', () =>
    withRun(
      async (run, bandit) => {
        const rollouts = await bandit.rollouts(0, 8, EXPLORATION);
        for (const { chunks } of rollouts) for (const { chain } of chunks) chain!.states.fill(3);
        await assertRejectsAbout(run.update(rollouts), { kind: 'mismatch', fields: ['chain'] });
      },
      { config: settings({ critics: { warmUp: 0 } }) },
    ));
});

describe('the steps of chunks that a flow cannot be told of', () => {
  it('are refused with what to do: another solver, exact guidance, no noise, broken numbers', () =>
    withRun(async (_, bandit) => {
      const [{ chunks }] = await bandit.rollouts(0, 1, EXPLORATION);
      const [chunk] = chunks;
      const stepsOf = (change: Partial<typeof chunk>) => () =>
        flowSteps([{ chunk: { ...chunk, ...change }, advantage: 1 }]);
      assert.equal(stepsOf({})().length, 2);
      const rows = { previous: new Float32Array(NUMBERS), weights: new Float32Array(horizon) };
      const reasons = [
        [{ integration: { steps: 2, solver: 'midpoint' } }, '--solver euler'],
        [{ join: { kind: 'exact', ...rows } }, '--join approximate'],
        [{ chain: { ...chunk.chain!, size: 0 } }, 'chain: true'],
        [{ join: { kind: 'trained', ...rows, weights: Float32Array.of(1, 1, 0, 0) } }, 'before'],
      ] as const;
      for (const [change, remedy] of reasons)
        assertThrowsAbout(stepsOf(change), { kind: 'missing', fields: ['chain'], names: [remedy] });
      // Rows that the chunk before gave do not count.
      const weights = Float32Array.of(1, 0.5, 0, 0);
      const [step] = stepsOf({ join: { kind: 'approximate', ...rows, weights } })();
      assert.deepEqual([...step.weights].map((weight) => weight > 0), [false, true, false, false]); // prettier-ignore

      const encoder = await openRolloutEncoder(bandit.bundle, SESSION);
      const whole = attempt(0, chunk.actions, true, 2, chunk.noise);
      const [short, holed] = [chunk.chain!.states.slice(1), chunk.chain!.states.fill(NaN, 3, 4)];
      for (const states of [short, holed])
        await assertRejectsAbout(
          encoder.encode(changed(whole, { chain: { ...chunk.chain!, states } })),
          { kind: 'invalid', subject: '0.mcap' },
        );
      await encoder.close();
    }));
});
