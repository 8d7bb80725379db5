import assert from 'node:assert/strict';
import { join as joinPath } from 'node:path';
import { describe, it } from 'node:test';
import { type Adapter, makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import type { Chunk, NoiseSource } from '../../src/policy/chunkPolicy.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { SAMPLED_JOINS } from '../../src/policy/joinKinds.ts';
import { type Sampler, openSampler } from '../../src/policy/sampler.ts';
import { type Steering, steeringShapeOf } from '../../src/policy/steering/steering.ts';
import { steeringParameters } from '../../src/policy/steering/steeringGraph.ts';
import { ticketNoise } from '../../src/policy/ticket.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { startingAdapter } from '../../src/learning/train/startingAdapter.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { FAULTY_DEVIATIONS, OBSERVED, TURN, activated, carriedWith, faultyParameters, standard, withDeviation } from './carried.ts'; // prettier-ignore
import { JOINTS, SESSION, attempt } from '../learning/bandit.ts';
import { tinyBundle, tinyPi05, writeTinyBundle } from '../learning/tiny.ts';

const TRAINABLE = { parameters: 'expert' } as const;
const HEAD = { bound: 1.5, spread: 0.4, hidden: [6] } satisfies Partial<Steering>;

const { state, image } = OBSERVED;

/** A network with weights of a seed, which steers far and differently from moment to moment. */
function steeringFor(bundle: Bundle): Steering {
  const shape = steeringShapeOf(learnableOf(bundle), HEAD);
  return { ...HEAD, hidden: [6], ...carriedWith(steeringParameters(shape), shape.features) };
}

/** bound · tanh of the network's output for features that are not standardised yet, one number at a time. */
function rowOf(steering: Steering, features: readonly number[]): number[] {
  const { parameters, bound } = steering;
  const layer = (i: number, from: readonly number[]) => {
    const { shape, data } = parameters.get(`steer.${i}.weight`)!;
    const columns = shape[2];
    return Array.from(parameters.get(`steer.${i}.bias`)!.data, (bias, column) =>
      from.reduce((sum, value, row) => sum + value * data[row * columns + column], bias),
    );
  };
  const hidden = activated(layer(0, standard(steering, features)));
  return layer(1, hidden).map((value) => bound * Math.tanh(value));
}

type Sample = (noise: NoiseSource, turn?: typeof TURN) => Promise<Chunk>;

/** A tiny policy, a sampler of it, and what its noise is steered by. */
async function withSteering(
  { config = tinyBundle, ...options }: { config?: typeof tinyBundle } & Parameters<typeof openSampler>[2], // prettier-ignore
  body: (parts: {
    bundle: Bundle;
    sampler: Sampler;
    sample: Sample;
    /** The row that the network says at TURN. */
    row: number[];
    adapter: Adapter;
  }) => Promise<void>,
  session = SESSION,
  join?: { rows: Float32Array; delay: number },
): Promise<void> {
  await withFolder(async (folder) => {
    await writeTinyBundle(folder, 4, config);
    const bundle = await loadBundle(folder);
    const sampler = await openSampler(bundle, session, { trainable: TRAINABLE, ...options });
    const steering = steeringFor(bundle);
    const adapter = makeAdapter({ ...(await startingAdapter(bundle, TRAINABLE, 1)), steering });
    await sampler.adopt(adapter);
    const sample: Sample = (noise, turn) =>
      sampler.sample({ images: [image, image], state, prompt: 'go', noise, turn, join });
    const encoder = await openRolloutEncoder(bundle, SESSION);
    const episode = attempt(1, new Float32Array(4 * JOINTS), true);
    const { chunks } = await encoder.encode({ ...episode, chunks: [{ ...episode.chunks[0], state }] }); // prettier-ignore
    await encoder.close();
    const { elapsed, delay, committed } = TURN;
    const row = rowOf(steering, [...chunks[0].pooled, ...chunks[0].state, ...committed, delay, elapsed]); // prettier-ignore
    await body({ bundle, sampler, sample, row, adapter });
    await sampler.close();
  });
}

const assertNear = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++)
    assert.ok(Math.abs(a[i] - b[i]) < tolerance, `${i}: ${a[i]} ≠ ${b[i]}`);
};

const repeated = (row: readonly number[]) => Float32Array.from({ length: 4 * row.length }, (_, i) => row[i % row.length]); // prettier-ignore

/** That a chunk begins from the network's row, repeated, and is what the policy makes of that noise. */
async function assertSteered(sample: Sample, row: readonly number[]): Promise<void> {
  const played = await sample('zero', TURN);
  assertNear(played.noise, repeated(row), 1e-4);
  const alone = await sample({ seed: 1, given: repeated(row) }, TURN);
  assertNear(played.actions, alone.actions, 1e-4);
  const zero = await sample({ seed: 1, given: new Float32Array(played.noise.length) }, TURN);
  const moved = played.actions.map((value, i) => Math.abs(value - zero.actions[i]));
  assert.ok(Math.max(...moved) > 0.01, [...moved].join(', '));
}

describe('steered noise', () => {
  it('is the row that the network says of the moment, repeated, and is recorded', () =>
    withSteering({}, async ({ sample, row }) => {
      assert.ok(row.some((value) => Math.abs(value) > 0.5), row.join(', ')); // prettier-ignore
      await assertSteered(sample, row);
    }));

  it('is the same with a state in the prompt', () =>
    withSteering({ config: tinyPi05 }, ({ sample, row }) => assertSteered(sample, row)));

  for (const joins of SAMPLED_JOINS)
    it(`begins chunks that are joined to the one in play: ${joins}`, () =>
      withSteering(
        { config: { ...tinyBundle, maxDelay: 2 }, joins },
        ({ sample, row }) => assertSteered(sample, row),
        SESSION,
        { rows: Float32Array.from({ length: 3 * JOINTS }, (_, i) => 1 - i / 5), delay: 1 },
      ));

  it('is the same where the layers of the prefix are fused', async () => {
    const heads = { heads: 1, kvHeads: 1, headDim: 16 };
    const { language, expert, ...rest } = tinyBundle.architecture;
    const architecture = { ...rest, language: { ...language, ...heads }, expert: { ...expert, ...heads } }; // prettier-ignore
    for (const kernels of ['plain', 'fused'] as const)
      await withSteering(
        { config: { ...tinyBundle, architecture } },
        ({ sample, row }) => assertSteered(sample, row),
        sessionConfigSchema.parse({ threads: 1, kernels }),
      );
  });

  it('is explored by the same in all rows, within its bound, most of it constant over an attempt', () =>
    withSteering({}, async ({ sample, row }) => {
      const exploration = explorationSchema.parse({ size: 0, initialNoise: 1 });
      const inverse = (value: number) => Math.atanh(value / HEAD.bound);
      const explored = async (seed: number, attempt: number) => {
        const { noise } = await sample({ seed, attempt, exploration }, TURN);
        assertNear(noise, repeated([...noise.slice(0, JOINTS)]), 1e-6);
        for (const value of noise) assert.ok(Math.abs(value) <= HEAD.bound);
        return row.map((value, i) => inverse(noise[i]) - inverse(value));
      };
      const [of, count] = [20, 4];
      const added: number[][] = [];
      for (let i = 0; i < of * count; i++) added.push(await explored(i, Math.floor(i / count)));
      const variance = (values: readonly number[]) =>
        values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
      const all = variance(added.flat());
      assert.ok(Math.abs(Math.sqrt(all) - HEAD.spread) < 0.1, String(all));
      const within = added.flatMap((one, i) => one.map((value, j) => value - added[i - (i % count)][j])); // prettier-ignore
      assert.ok(variance(within) < 0.3 * all, `${variance(within)} of ${all}`);
      const still = explorationSchema.parse({ size: 0 });
      assertNear((await sample({ seed: 3, exploration: still }, TURN)).noise, repeated(row), 1e-4);
      assertNear((await sample({ seed: 3 }, TURN)).noise, repeated(row), 1e-4);
    }));

  it('is left alone where it is not known when a chunk takes over, it is given, or the policy has a ticket', () =>
    withSteering({}, async ({ sample, sampler, adapter }) => {
      const given = new Float32Array(4 * JOINTS).fill(0.5);
      const cases: Parameters<Sample>[] = [['zero'], [{ seed: 3 }], [{ seed: 3, given }, TURN]];
      const steered: Chunk[] = [];
      for (const one of cases) steered.push(await sample(...one));
      await sampler.adopt(makeAdapter({ ...adapter, ticket: 7 }));
      assertNear((await sample('zero', TURN)).noise, ticketNoise(7, 4 * JOINTS), 1e-6);
      await sampler.adopt(makeAdapter({ ...adapter, steering: undefined }));
      for (const [i, one] of cases.entries()) {
        const plain = await sample(...one);
        assert.deepEqual(steered[i].noise, plain.noise);
        assertNear(steered[i].actions, plain.actions, 1e-6);
      }
    }));

  it("is gone with the bundle's own weights, which reproduce what they did before", () =>
    withFolder(async (folder) => {
      await writeTinyBundle(folder, 4);
      const bundle = await loadBundle(folder);
      const sampler = await openSampler(bundle, SESSION, { trainable: TRAINABLE });
      const sample = () => sampler.sample({ images: [image, image], state, prompt: 'go', noise: { seed: 3 }, turn: TURN }); // prettier-ignore
      const before = await sample();
      await sampler.adopt(makeAdapter({ ...(await startingAdapter(bundle, TRAINABLE, 1)), steering: steeringFor(bundle) })); // prettier-ignore
      assert.notDeepEqual((await sample()).noise, before.noise);
      await sampler.adopt();
      const after = await sample();
      assert.deepEqual(after.noise, before.noise);
      assertNear(after.actions, before.actions, 1e-6);
      await sampler.verify();
      await sampler.close();
    }));

  it('is part of a version: written and read with it', () =>
    withSteering({}, async ({ bundle, adapter }) => {
      const file = joinPath(bundle.folder, 'version.safetensors');
      await writeAdapter(file, adapter);
      const { version, steering, parameters } = await readAdapter(file, { ...bundle, trainable: TRAINABLE }); // prettier-ignore
      assert.equal(version, adapter.version);
      assert.deepEqual([...parameters.keys()], [...adapter.parameters.keys()]);
      assert.deepEqual(
        [...steering!.parameters].map(([name, { data }]) => [name, [...data]]),
        [...adapter.steering!.parameters].map(([name, { data }]) => [name, [...data]]),
      );
      const changes = [{ bound: 1 }, { spread: 0.1 }, { scale: { ...steering!.scale, mean: steering!.scale.deviation } }]; // prettier-ignore
      const versions = changes.map((change) => makeAdapter({ ...adapter, steering: { ...steering!, ...change } }).version); // prettier-ignore
      assert.equal(new Set([version, ...versions]).size, 4);
    }));

  it('is refused with a network that lacks parts, is of other sizes, or holds no numbers', () =>
    withSteering({}, async ({ sampler, adapter, sample, row }) => {
      const { steering } = adapter;
      const name = 'steer.0.weight';
      for (const faulty of faultyParameters(steering!, name)) {
        const refused = makeAdapter({ ...adapter, steering: { ...steering!, parameters: faulty } });
        await assertRejectsAbout(sampler.adopt(refused), { kind: 'mismatch', names: [name] });
      }
      for (const deviation of FAULTY_DEVIATIONS) {
        const refused = makeAdapter({ ...adapter, steering: { ...steering!, ...withDeviation(steering!, deviation) } }); // prettier-ignore
        await assertRejectsAbout(sampler.adopt(refused), {
          kind: 'mismatch',
          names: ['deviation'],
        });
      }
      await assertSteered(sample, row);
    }));

  it('is refused beside critics that choose', () =>
    withSteering({}, async ({ sampler, adapter }) => {
      const { parameters, scale } = adapter.steering!;
      const choice = { candidates: 2, temperature: 0, count: 1, hidden: [6] as [number], parameters, scale }; // prettier-ignore
      await assertRejectsAbout(sampler.adopt(makeAdapter({ ...adapter, choice })), {
        kind: 'mismatch',
        names: ['steers'],
      });
    }));
});
