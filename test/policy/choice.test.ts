import assert from 'node:assert/strict';
import { join as joinPath } from 'node:path';
import { describe, it } from 'node:test';
import { type Adapter, makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { type Choice, criticShapeOf } from '../../src/policy/choice/choice.ts';
import { chunkCriticParameters } from '../../src/policy/choice/chunkCriticGraph.ts';
import type { Chunk, NoiseSource } from '../../src/policy/chunkPolicy.ts';
import { candidateNoise } from '../../src/policy/families/pi0/candidates.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { SAMPLED_JOINS } from '../../src/policy/joinKinds.ts';
import { type Sampler, openSampler } from '../../src/policy/sampler.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { startingAdapter } from '../../src/learning/train/startingAdapter.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { FAULTY_DEVIATIONS, OBSERVED, TURN, activated, carriedWith, faultyParameters, standard, withDeviation } from './carried.ts'; // prettier-ignore
import { JOINTS, SESSION, attempt } from '../learning/bandit.ts';
import { tinyBundle, tinyPi05, writeTinyBundle } from '../learning/tiny.ts';

const TRAINABLE = { parameters: 'expert' } as const;
const CANDIDATES = 5;
const NETWORKS = { count: 3, hidden: [6] };
const PARTS = 4;

const { state, image } = OBSERVED;

/** Critics with weights of a seed, which tell chunks apart by much. */
function choiceFor(bundle: Bundle, temperature = 0, edits?: number): Choice {
  const shape = criticShapeOf(learnableOf(bundle), { ...NETWORKS, edits });
  const inputs = shape.features + shape.rows;
  return {
    ...{ candidates: CANDIDATES, temperature, edits, count: NETWORKS.count, hidden: [6] },
    ...carriedWith(chunkCriticParameters(shape), inputs),
  };
}

/** The least estimate of the ensemble for inputs that are not standardised yet, computed one number at a time. */
function leastEstimate(choice: Choice, inputs: readonly number[]): number {
  const { parameters, count } = choice;
  const x = standard(choice, inputs);
  const layer = (network: number, i: number, from: readonly number[]) => {
    const { shape, data } = parameters.get(`q.${i}.weight`)!;
    const [, rows, columns] = shape;
    const bias = parameters.get(`q.${i}.bias`)!.data;
    return Array.from({ length: columns }, (_, column) =>
      from.reduce(
        (sum, value, row) => sum + value * data[(network * rows + row) * columns + column],
        bias[network * columns + column],
      ),
    );
  };
  const estimates = Array.from({ length: count }, (_, network) => {
    const hidden = activated(layer(network, 0, x));
    return 1 / (1 + Math.exp(-layer(network, 1, hidden)[0]));
  });
  return Math.min(...estimates);
}

/** A tiny policy, a sampler of it, and what its critics should choose by. */
async function withChoosing(
  {
    config = tinyBundle,
    temperature = 0,
    edits,
    ...options
  }: { config?: typeof tinyBundle; temperature?: number; edits?: number } & Parameters<
    typeof openSampler
  >[2],
  body: (parts: {
    bundle: Bundle;
    sampler: Sampler;
    sample: (noise: NoiseSource, turn?: typeof TURN) => Promise<Chunk>;
    estimate: (chunk: Chunk) => Promise<number>;
    adapter: Adapter;
  }) => Promise<void>,
  session = SESSION,
  join?: { rows: Float32Array; delay: number },
): Promise<void> {
  await withFolder(async (folder) => {
    await writeTinyBundle(folder, 4, config);
    const bundle = await loadBundle(folder);
    const sampler = await openSampler(bundle, session, { trainable: TRAINABLE, ...options });
    const encoder = await openRolloutEncoder(bundle, SESSION);
    const choice = choiceFor(bundle, temperature, edits);
    const adapter = makeAdapter({ ...(await startingAdapter(bundle, TRAINABLE, 1)), choice });
    await sampler.adopt(adapter);
    const sample = (noise: NoiseSource, turn?: typeof TURN) =>
      sampler.sample({ images: [image, image], state, prompt: 'go', noise, turn, join });
    const estimate = async ({ actions, noise }: Chunk) => {
      const episode = attempt(1, actions, true, TURN.to, noise);
      const [chunk] = (await encoder.encode({ ...episode, chunks: [{ ...episode.chunks[0], state }] })).chunks; // prettier-ignore
      const rows = Array.from({ length: PARTS * JOINTS }, (_, i) => {
        // Two executed rows in four parts: each stands in two of them.
        const row = TURN.from + Math.floor(i / (2 * JOINTS));
        return chunk.actions[row * JOINTS + (i % JOINTS)];
      });
      const { elapsed, delay, committed } = TURN;
      const features = [...chunk.pooled, ...chunk.state, ...committed, delay, elapsed];
      return leastEstimate(choice, [...features, ...rows]);
    };
    await body({ bundle, sampler, sample, estimate, adapter });
    await sampler.close();
    await encoder.close();
  });
}

const assertNear = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++)
    assert.ok(Math.abs(a[i] - b[i]) < tolerance, `${i}: ${a[i]} ≠ ${b[i]}`);
};

/** That critics' best of all candidates is played, as each is made alone of its own noise. */
async function assertBestPlayed(
  sample: (noise: NoiseSource, turn?: typeof TURN) => Promise<Chunk>,
  estimate: (chunk: Chunk) => Promise<number>,
  source: Exclude<NoiseSource, 'zero'>,
): Promise<void> {
  const played = await sample(source, TURN);
  const alone = await sample({ ...source, given: played.noise });
  assertNear(played.actions, alone.actions, 1e-5);
  const first = await sample(source);
  const size = first.noise.length;
  const noises = candidateNoise(first.noise, source, CANDIDATES);
  const estimates: number[] = [];
  const each = Array.from({ length: CANDIDATES }, (_, k) => noises.slice(k * size, (k + 1) * size));
  for (const given of each) estimates.push(await estimate(await sample({ ...source, given })));
  const best = Math.max(...estimates);
  assert.ok(best - Math.min(...estimates) > 1e-3, estimates.join(', '));
  assert.deepEqual(played.noise, each[estimates.indexOf(best)]);
}

describe('choice', () => {
  it('plays the candidate that critics estimate highest, and records its noise', () =>
    withChoosing({}, ({ sample, estimate }) => assertBestPlayed(sample, estimate, { seed: 3 })));

  it('chooses alike with a state in the prompt, and while attempts explore', () =>
    withChoosing({ config: tinyPi05 }, ({ sample, estimate }) =>
      assertBestPlayed(sample, estimate, {
        seed: 3,
        exploration: explorationSchema.parse({ size: 0.1, initialNoise: 1 }),
      }),
    ));

  for (const joins of SAMPLED_JOINS)
    it(`joins candidates to the chunk in play: ${joins}`, () =>
      withChoosing(
        { config: { ...tinyBundle, maxDelay: 2 }, joins },
        ({ sample, estimate }) => assertBestPlayed(sample, estimate, { seed: 3 }),
        SESSION,
        { rows: Float32Array.from({ length: 3 * JOINTS }, (_, i) => 1 - i / 5), delay: 1 },
      ));

  it('chooses alike where the layers of the prefix are fused', async () => {
    const heads = { heads: 1, kvHeads: 1, headDim: 16 };
    const { language, expert, ...rest } = tinyBundle.architecture;
    const architecture = { ...rest, language: { ...language, ...heads }, expert: { ...expert, ...heads } }; // prettier-ignore
    const config = { ...tinyBundle, architecture };
    const chunks: Chunk[] = [];
    for (const kernels of ['plain', 'fused'] as const)
      await withChoosing(
        { config },
        async ({ sample }) => void chunks.push(await sample({ seed: 3 }, TURN)),
        sessionConfigSchema.parse({ threads: 1, kernels }),
      );
    assert.deepEqual(chunks[0].noise, chunks[1].noise);
    assertNear(chunks[0].actions, chunks[1].actions, 1e-4);
  });

  it('edits samples by the same in all rows, and plays what is estimated highest of both', () =>
    withChoosing({ edits: 0.4 }, async ({ sample, estimate }) => {
      let edited = 0;
      for (let seed = 0; seed < 8; seed++) {
        const played = await sample({ seed }, TURN);
        const alone = await sample({ seed, given: played.noise });
        const edit = Array.from({ length: JOINTS }, (_, i) => played.actions[i] - alone.actions[i]);
        played.actions.forEach((value, i) =>
          assert.ok(Math.abs(value - alone.actions[i] - edit[i % JOINTS]) < 1e-5),
        );
        for (const value of edit) assert.ok(Math.abs(value) < 0.4 + 1e-5);
        const first = await sample({ seed });
        assert.ok((await estimate(played)) >= (await estimate(first)) - 1e-5);
        edited += Number(edit.some((value) => Math.abs(value) > 1e-3));
      }
      assert.ok(edited > 0);
    }));

  it('plays the mean of all candidates, weighed by their estimates, where it has a temperature', () =>
    withChoosing({ temperature: 1e6 }, async ({ sample, estimate }) => {
      // At a great temperature all count alike: the mean differs less from chunk to chunk than its parts do.
      const spread = async (turn?: typeof TURN) => {
        const firsts: number[] = [];
        for (let seed = 0; seed < 40; seed++)
          firsts.push((await sample({ seed }, turn)).actions[0]);
        const mean = firsts.reduce((sum, value) => sum + value, 0) / firsts.length;
        return firsts.reduce((sum, value) => sum + (value - mean) ** 2, 0) / firsts.length;
      };
      const ratio = (await spread(TURN)) / (await spread());
      assert.ok(ratio > 0.5 / CANDIDATES && ratio < 2 / CANDIDATES, String(ratio));
      const { noise } = await sample({ seed: 3 }, TURN);
      const best = await estimate(await sample({ seed: 3, given: noise }));
      assert.ok(best >= (await estimate(await sample({ seed: 3 }))) - 1e-6);
    }));

  it('plays the first sample where it is not known when a chunk takes over, or the noise is given', () =>
    withChoosing({}, async ({ sample, sampler, adapter }) => {
      const given = new Float32Array(4 * JOINTS).fill(0.5);
      const [unknown, asked] = [await sample({ seed: 3 }), await sample({ seed: 3, given }, TURN)];
      await sampler.adopt(makeAdapter({ ...adapter, choice: undefined }));
      assertNear(unknown.actions, (await sample({ seed: 3 }, TURN)).actions, 1e-5);
      assert.deepEqual(asked.noise, given);
    }));

  it('makes the same chunk of the same observation from zero noise', () =>
    withChoosing({}, async ({ sample }) => {
      assert.deepEqual((await sample('zero', TURN)).actions, (await sample('zero', TURN)).actions);
    }));

  it('is part of a version: written and read with it', () =>
    withChoosing({}, async ({ bundle, adapter }) => {
      const file = joinPath(bundle.folder, 'version.safetensors');
      await writeAdapter(file, adapter);
      const fit = { ...bundle, trainable: TRAINABLE };
      const { version, choice } = await readAdapter(file, fit);
      assert.equal(version, adapter.version);
      assert.deepEqual(
        [...choice!.parameters].map(([name, { data }]) => [name, [...data]]),
        [...adapter.choice!.parameters].map(([name, { data }]) => [name, [...data]]),
      );
      const changes = [{ temperature: 0.1 }, { candidates: 2 }, { scale: { ...choice!.scale, mean: choice!.scale.deviation } }]; // prettier-ignore
      const versions = changes.map((change) => makeAdapter({ ...adapter, choice: { ...choice!, ...change } }).version); // prettier-ignore
      assert.equal(new Set([version, ...versions]).size, 4);
    }));

  it('is refused with critics that lack parts, are of other sizes, or hold no numbers', () =>
    withChoosing({}, async ({ sampler, adapter }) => {
      const { choice } = adapter;
      const name = 'q.0.weight';
      for (const faulty of faultyParameters(choice!, name)) {
        const refused = makeAdapter({ ...adapter, choice: { ...choice!, parameters: faulty } });
        await assertRejectsAbout(sampler.adopt(refused), { kind: 'mismatch', names: [name] });
      }
      for (const deviation of FAULTY_DEVIATIONS) {
        const refused = makeAdapter({ ...adapter, choice: { ...choice!, ...withDeviation(choice!, deviation) } }); // prettier-ignore
        await assertRejectsAbout(sampler.adopt(refused), {
          kind: 'mismatch',
          names: ['deviation'],
        });
      }
    }));
});
