import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lossIn, openSurrogateRun, slopeAlong } from './surrogateRun.ts';
import { type TokenConfig, type TokenMethod, tokenConfig } from '../../src/learning/ppo/config.ts';
import { observationFeeds } from '../../src/learning/fpo/feeds.ts';
import { ppoGraph } from '../../src/learning/ppo/graph.ts';
import { openTokenPolicy } from '../../src/learning/ppo/policy.ts';
import { TOKEN_METHODS } from '../../src/learning/ppo/ppo.ts';
import type { Rollout } from '../../src/learning/attempts/rollout.ts';
import type { AdvantageChunk } from '../../src/learning/policyGradient/learningPolicy.ts';
import { type PolicyGradient, openAt, policyGradient } from '../../src/learning/policyGradient/policyGradient.ts'; // prettier-ignore
import { initialRunState } from '../../src/learning/policyGradient/state.ts';
import { frozenWeights } from '../../src/learning/train/startingWeights.ts';
import { initialState } from '../../src/learning/train/trainer.ts';
import type { Adapter } from '../../src/policy/bundle/adapter.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { loadTokenizers } from '../../src/policy/families/pi0-fast/bundleTokenizers.ts';
import type { FastConfig } from '../../src/policy/families/pi0-fast/config.ts';
import { writerOf } from '../../src/policy/families/registry.ts';
import { Tensor } from '../../src/session/session.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { writeSafetensors } from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertRejectsAbout } from '../refusals.ts';
import { BATCH, changed, ended, nameOf, openTinyLearner, writeEpisode } from './attempts.ts';
import { JOINTS, SESSION } from './bandit.ts';
import { type TokenBandit, openTokenBandit, tokenAttempt, writeTrainedFast } from './tokenBandit.ts'; // prettier-ignore

let root: string;
let bundle: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nalu-ppo-'));
  bundle = join(root, 'policy');
  await writeTrainedFast(bundle);
});
after(() => rm(root, { recursive: true }));

const settings = (method: TokenMethod, change: Record<string, unknown> = {}): TokenConfig =>
  tokenConfig(
    method,
    { seed: 1, trainable: { parameters: 'lora', rank: 4 }, ...change },
    'the test',
  );

/** A run on the tiny policy in its world. */
async function withRun<T>(
  method: TokenMethod,
  body: (run: PolicyGradient, bandit: TokenBandit, config: TokenConfig) => Promise<T>,
  config = settings(method),
): Promise<T> {
  const bandit = await openTokenBandit(bundle, config.trainable);
  const context = { bundle: bandit.bundle, joints: JOINTS, session: SESSION };
  const start = await initialRunState(bandit.bundle, config);
  const run = await openAt(TOKEN_METHODS[method], context, config, start);
  try {
    return await body(run, bandit, config);
  } finally {
    await run.close();
    await bandit.close();
  }
}

/** The policy's surrogate where its parameters have these values. */
const openAtValues = async (bandit: TokenBandit, config: TokenConfig, values: Float32Array) =>
  openTokenPolicy(
    { bundle: bandit.bundle, joints: JOINTS, session: SESSION },
    config,
    initialState(values.slice()),
  );

/** Parameters at which adapters count, as they would after much learning. */
async function movedParameters(bandit: TokenBandit, config: TokenConfig): Promise<Float32Array> {
  const { policy } = await initialRunState(bandit.bundle, config);
  const noise = gaussianNoise([3], policy.vectors.parameters.length);
  return policy.vectors.parameters.map((value, i) => value + 0.05 * noise[i]);
}

/** An adapter of the run with other values. */
function withValues({ trainable, base, parameters }: Adapter, values: Float32Array): Adapter {
  let from = 0;
  const own = new Map<string, Adapter['parameters'] extends Map<string, infer V> ? V : never>();
  for (const [name, { shape, data }] of parameters)
    own.set(name, { shape, data: values.slice(from, (from += data.length)) });
  return { trainable, base, parameters: own, version: 'moved' };
}

const withAdvantages = (rollouts: readonly Rollout[]): AdvantageChunk[] =>
  rollouts.flatMap(({ chunks, reward }) =>
    chunks.map((chunk) => ({ chunk, advantage: reward > 0 ? 0.8 : -1.2 })),
  );

/** The share of attempts in which a policy succeeds, sampled as it explores. */
async function successShare({ play, threshold }: TokenBandit): Promise<number> {
  const chunks = await play(2_000_000, 200);
  return chunks.filter(({ actions }) => actions[0] > threshold).length / chunks.length;
}

/** A moment of a policy whose chunks are recorded with this version. */
const momentOf = (...versions: string[]) => ({ update: 0, versions });

describe('the likelihood of recorded tokens', () => {
  it('is that at which they were drawn, with adapters at any temperature', () =>
    withRun('grpo', async (run, bandit, config) => {
      const values = await movedParameters(bandit, config);
      await bandit.adopt(withValues(run.adapter(), values));
      const policy = await openAtValues(bandit, config, values);
      try {
        for (const temperature of [0.6, 1, 1.5]) {
          const rollouts: Rollout[] = [];
          for (const [i, chunk] of (await bandit.play(0, 8, temperature)).entries())
            rollouts.push(await bandit.encoder.encode(tokenAttempt(i, chunk, i % 2 === 0)));
          const [{ chunks }] = rollouts;
          assert.equal(chunks[0].tokens!.temperature, temperature);
          const batch = await policy.batchOf(withAdvantages(rollouts), momentOf());
          const apart = batch.chunks.flatMap(({ start, chunk: { tokens } }) =>
            Array.from(start, (own, at) => Math.abs(own - tokens!.logProbabilities[at])),
          );
          assert.ok(Math.max(...apart) < 1e-4, `${Math.max(...apart)} apart`);
          const { ratios, farthestRatio, clipFraction, approxKl } = await policy.measure(batch);
          assert.ok(ratios.every((ratio) => Math.abs(ratio - 1) < 1e-4) && farthestRatio < 1e-4);
          assert.deepEqual([clipFraction, Math.round(1e6 * approxKl)], [0, 0]);
        }
      } finally {
        await policy.close();
      }
    }));
});

/** The surrogate's graph on a batch, with weights that are its inputs. */
async function openSurrogate(bandit: TokenBandit, config: TokenConfig, chunks: AdvantageChunk[]) {
  const { bundle } = bandit;
  const policy = writerOf(bundle);
  const writing = await policy.openWriting(bundle.folder);
  const { trainable, clip } = config;
  const options = { trainable, cameras: bundle.cameras.length, text: policy.maxTokens };
  const parameters = policy.parameters(trainable);
  const names = parameters.map(({ name }) => name);
  const graph = ppoGraph(names, writing, options, clip);
  const frozen = await frozenWeights(bundle, graph, parameters);
  const advantages = Float32Array.from(chunks, ({ advantage }) => advantage);
  const feeds = {
    ...frozen,
    ...observationFeeds(chunks.map(({ chunk }) => chunk), policy), // prettier-ignore
    ...writing.feeds(chunks.map(({ chunk }) => chunk.tokens!)),
    advantages: new Tensor('float32', advantages, [chunks.length, 1]),
  };
  return { before: writing.before, ...(await openSurrogateRun(graph, parameters, feeds)) };
}

describe('the surrogate of tokens', () => {
  /** On chunks of the policy as it came, where its parameters have moved. */
  const withSurrogate = <T>(
    body: (
      surrogate: Awaited<ReturnType<typeof openSurrogate>>,
      chunks: AdvantageChunk[],
      values: Float32Array,
    ) => Promise<T>,
  ) =>
    withRun('grpo', async (_, bandit, config) => {
      const chunks = withAdvantages(await bandit.rollouts(0, 12));
      const surrogate = await openSurrogate(bandit, config, chunks);
      try {
        return await body(surrogate, chunks, await movedParameters(bandit, config));
      } finally {
        await surrogate.close();
      }
    });

  it('is the mean over tokens of what PPO clips, further above 1 than below', () =>
    withSurrogate(async (surrogate, chunks, values) => {
      const outputs = await surrogate.run(values);
      const { data, dims } = outputs.log_probabilities;
      const own = data as Float32Array;
      let [sum, tokens] = [0, 0];
      const seen = { below: 0, within: 0, above: 0 };
      chunks.forEach(({ advantage, chunk: { tokens: drawn } }, i) =>
        drawn!.logProbabilities.forEach((old, at) => {
          const ratio = Math.exp(own[i * dims[1] + surrogate.before + at] - old);
          const clipped = Math.min(Math.max(ratio, 0.8), 1.28);
          seen[ratio < 0.8 ? 'below' : ratio > 1.28 ? 'above' : 'within'] += 1;
          sum += Math.min(advantage * ratio, advantage * clipped);
          tokens += 1;
        }),
      );
      assert.ok(Math.min(...Object.values(seen)) > 0, JSON.stringify(seen));
      assert.ok(Math.abs(lossIn(outputs) + sum / tokens) < 1e-5);
    }));

  it('has the gradient that finite differences have', () =>
    withSurrogate(async (surrogate, _, values) => {
      const { length, slope } = await slopeAlong(surrogate, values, 2e-3);
      assert.ok(length > 1e-3 && Math.abs(slope - length) < 0.03 * length, `${slope}, not ${length}`); // prettier-ignore
    }));
});

describe('learning how tokens are written', () => {
  for (const method of ['grpo', 'ppo'] as const)
    it(`makes rewarded actions more frequent: ${method}`, () =>
      withRun(method, async (run, bandit) => {
        const before = await successShare(bandit);
        const updates = [];
        for (let i = 0; i < 6; i++) {
          updates.push(await run.update(await bandit.rollouts(1000 * i, 64)));
          await bandit.adopt(run.adapter());
        }
        const after = await successShare(bandit);
        assert.ok(after > before + 0.1, `from ${before} to ${after}`);
        const [first, ...rest] = updates;
        // Critics learn first.
        assert.equal(first.policy === undefined, method === 'ppo');
        assert.equal(first.critics === undefined, method === 'grpo');
        for (const { policy } of rest) {
          assert.ok(policy!.steps > 0 && policy!.approxKl <= 1.5 * policy!.klLimit);
          assert.ok(policy!.expectedGain > 0 && policy!.clipFraction < 0.5);
        }
      }));

  it('compares the attempts of an update with each other, and moves by nothing where all ended alike', () =>
    withRun('grpo', async (run, bandit) => {
      const rollouts = await bandit.rollouts(0, 8);
      const before = run.adapter().version;
      const { skipped } = await run.update(rollouts.map((one) => ({ ...one, reward: 1 })));
      assert.ok(skipped !== undefined);
      assert.equal(run.adapter().version, before);
      const rewards = rollouts.map((one, i) => ({ ...one, reward: Number(i < 2) }));
      const { advantages } = await run.update(rewards);
      // A quarter succeeded: (1 − 0.25) and (0 − 0.25), by the deviation.
      assert.deepEqual([advantages.most, advantages.least].map((one) => one.toFixed(4)), ['1.7321', '-0.5774']); // prettier-ignore
    }));

  it('is repeated from its state to the same numbers', () =>
    withFolder((folder) =>
      withRun('ppo', async (run, bandit, config) => {
        const [first, second] = [await bandit.rollouts(0, 16), await bandit.rollouts(50, 16)];
        await run.update(first);
        const { format, tensors, values } = run.state;
        const file = join(folder, 'state.safetensors');
        await writeSafetensors(file, tensors, { format, ...values });
        const through = await run.update(second);
        const context = { bundle: bandit.bundle, joints: JOINTS, session: SESSION };
        const again = await policyGradient(TOKEN_METHODS.ppo, config)(context, file);
        try {
          assert.deepEqual(await again.update(second), through);
          assert.equal(again.adapter().version, run.adapter().version);
        } finally {
          await again.close();
        }
      }),
    ));

  it('learns from attempts of the version before by how likely they were to that one', () =>
    withRun('grpo', async (run, bandit) => {
      const old = await bandit.rollouts(0, 32);
      const { policy: first } = await run.update(old);
      const { policy: second } = await run.update(old);
      // It begins where the first update ended, not at 1.
      assert.ok(first!.ratios.deviation > 0.01);
      assert.ok(second!.ratios.deviation > 1.2 * first!.ratios.deviation);
      assert.ok(second!.approxKl <= 1.5 * second!.klLimit);
    }));

  it('takes no step on tokens that this policy was not as likely to draw', () =>
    withRun('grpo', async (run, bandit) => {
      const rollouts = await bandit.rollouts(0, 8);
      for (const { chunks } of rollouts)
        for (const { tokens } of chunks) tokens!.logProbabilities.fill(-2);
      await assertRejectsAbout(run.update(rollouts), { kind: 'mismatch', fields: ['tokens'] });
    }));
});

describe('a policy that writes tokens', () => {
  it('explores by nothing but its temperature', () =>
    withRun('grpo', async (_, { sample }) => {
      const both = { kind: 'unsupported', fields: ['view', 'offset'] } as const;
      for (const change of [{ view: 0.01 }, { offset: 0.01 }])
        await assertRejectsAbout(sample(1, explorationSchema.parse({ size: 0, ...change })), both);
      const [one, same, other] = await Promise.all(
        [1, 1, 2].map((seed) => sample(seed, explorationSchema.parse({ size: 0, temperature: 3 })).catch(String)), // prettier-ignore
      );
      const drawn = (made: typeof one) => (typeof made === 'string' ? made : [...made.tokens!.ids]);
      assert.deepEqual(drawn(one), drawn(same));
      assert.notDeepEqual(drawn(one), drawn(other));
    }));

  it('draws whole characters at any temperature: no chunk is refused but one of no token, and one that is cut off', () =>
    withRun('grpo', async (_, { bundle, sample }) => {
      const hot = explorationSchema.parse({ size: 0, temperature: 3 });
      const drawn = await Promise.allSettled(
        Array.from({ length: 64 }, (_, seed) => sample(seed, hot)),
      );
      const refused = drawn.filter((one) => one.status === 'rejected');
      assert.ok(refused.length < 32);
      const config = bundle.architecture as FastConfig;
      const { marks } = await loadTokenizers(bundle.folder, config);
      const room = config.maxActionTokens - marks.lead.length;
      for (const { reason } of refused as { reason: Error }[]) {
        assertAbout(reason, { kind: 'invalid', fields: ['tokens'] });
        assert.ok([0, room].includes(Number(/\d+/.exec(reason.message))), reason.message);
      }
    }));

  it('gives no chunk where its weights are too large for its numbers', () =>
    withRun('grpo', async (run, bandit, config) => {
      const values = await movedParameters(bandit, config);
      await bandit.adopt(withValues(run.adapter(), values.fill(1e30)));
      const sampled = bandit.sample(0, explorationSchema.parse({ size: 0 }));
      await assertRejectsAbout(sampled, { kind: 'invalid', subject: 'logits' });
      await bandit.adopt(run.adapter());
      assert.equal((await bandit.play(0, 1)).length, 1);
    }));

  it('is not asked how likely tokens are that it cannot write', () =>
    withRun('grpo', async (_, { bundle, play }) => {
      const [{ tokens }] = await play(0, 1);
      const { feeds } = await writerOf(bundle).openWriting(bundle.folder);
      const begin = tokens!.ids.map((id, i) => (i === 0 ? 2 : id));
      assert.throws(
        () => feeds([{ ...tokens!, ids: begin }]),
        (thrown) => {
          assertAbout(thrown, { kind: 'mismatch', fields: ['tokens'], names: [2] });
          return true;
        },
      );
    }));
});

describe('a learner of a policy that writes tokens', () => {
  it('publishes a version of its attempts, which a sampler plays', () =>
    withFolder((folder) =>
      withRun('grpo', async (run, bandit, config) => {
        const algorithm = policyGradient(TOKEN_METHODS.grpo, config);
        const learner = await openTinyLearner(folder, bundle, {}, algorithm);
        try {
          for (const [i, chunk] of (await bandit.play(0, BATCH)).entries()) {
            const id = nameOf(i);
            const episode = tokenAttempt(i, chunk, chunk.actions[0] > bandit.threshold);
            learner.add({ id, path: await writeEpisode(join(folder, 'episodes'), id, episode) });
          }
          const first = learner.current().version;
          assert.equal(first, run.adapter().version);
          const [event] = (await learner.advance())!;
          assert.equal(event.event, 'published');
          const { file, version, parent } = learner.current();
          assert.equal(parent, first);

          const { trainable } = config;
          const [old] = await bandit.play(0, 1);
          await bandit.adopt(await readAdapter(file, { ...bandit.bundle, trainable }));
          const [made] = await bandit.play(0, 1);
          assert.equal(made.policyVersion, `${bandit.bundle.base}+${version}`);
          assert.notDeepEqual(made.tokens!.logProbabilities, old.tokens!.logProbabilities);
        } finally {
          await learner.close();
        }
      }),
    ));

  it('leaves out attempts that tried nothing, or say nothing of their tokens', () =>
    withRun('grpo', async (_, bandit) => {
      const [drawn] = await bandit.play(0, 1);
      const [likeliest] = await bandit.play(0, 1, 0);
      assert.deepEqual([...new Set(likeliest.tokens!.logProbabilities)], [0]);
      const refused = (episode: ReturnType<typeof tokenAttempt>) =>
        assertRejectsAbout(bandit.encoder.encode(episode), { kind: 'invalid', subject: '0.mcap' });
      await refused(tokenAttempt(0, likeliest, true));
      await refused(changed(tokenAttempt(0, drawn, true), { tokens: undefined }));
      const short = { ...drawn.tokens!, logProbabilities: new Float32Array(1) };
      await refused(changed(tokenAttempt(0, drawn, true), { tokens: short }));
      await bandit.encoder.encode(ended(tokenAttempt(0, drawn, true), false));
    }));
});
