import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Algorithm } from '../../src/learning/algorithm.ts';
import { REPLAY_METHODS } from '../../src/learning/replay/methods.ts';
import { loadReplayConfig } from '../../src/learning/replay/config.ts';
import { replayLearning } from '../../src/learning/replay/replayLearning.ts';
import { startingAdapter } from '../../src/learning/train/startingAdapter.ts';
import { makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { ADAPTER_FILE, loadBundle } from '../../src/policy/bundle/bundle.ts';
import { adaptableOf } from '../../src/policy/families/registry.ts';
import { type Steering, steeringShapeOf } from '../../src/policy/steering/steering.ts';
import { steeringParameters } from '../../src/policy/steering/steeringGraph.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { writeSafetensors } from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { JOINTS, SESSION, openBandit } from './bandit.ts';
import { writeTinyBundle } from './tiny.ts';

const DEFAULT = await loadReplayConfig(undefined, 1);

/** Steps are longer than a trained policy bears, as all that this one does is small and known. */
const CONFIG = {
  ...{ ...DEFAULT, warmUp: 0 },
  critics: { ...DEFAULT.critics, steps: 4 },
  fpo: { ...DEFAULT.fpo, chunks: 64, rate: 1 },
  preference: { ...DEFAULT.preference, rate: 1 },
  inSample: { ...DEFAULT.inSample, rate: 3e-3 },
  filtered: { ...DEFAULT.filtered, rate: 3e-3 },
  steer: { ...DEFAULT.steer, states: 16, steps: 40, batch: 32, rate: 3e-3, price: 0 },
};

const LIMIT = { timeout: 300_000 };

/** Each method by its default settings, and what else one may choose. */
const CASES = [
  ...Object.entries(REPLAY_METHODS).map(([name, method]) => ({ name, method, config: CONFIG })),
  {
    name: 'fpo-replay with fresh chunks',
    method: REPLAY_METHODS['fpo-replay'],
    config: { ...CONFIG, fpo: { ...CONFIG.fpo, fresh: { group: 8, size: 0.3 } } },
  },
  {
    name: 'fpo-replay with its own successes, a dense reward, and critics that choose',
    method: REPLAY_METHODS['fpo-replay'],
    config: {
      ...{ ...CONFIG, fpo: { ...CONFIG.fpo, imitation: 1 } },
      denseReward: { weight: 0.02, clip: 2 },
      choice: { candidates: 4, temperature: 0 },
    },
  },
];

for (const { name, method, config } of CASES)
  describe(`learning from kept attempts by ${name}`, LIMIT, () => {
    it('improves a policy from attempts that it learns from again and again', () =>
      withFolder(async (folder) => {
        const bandit = await openBandit(join(folder, 'policy'), CONFIG.trainable);
        const { bundle, threshold } = bandit;
        const context = { bundle, joints: JOINTS, session: SESSION, folder };
        const algorithm = await replayLearning(method, config)(context);
        const share = async () => {
          const { first } = await bandit.play(2_000_000, 100);
          return first.filter((action) => action > threshold).length / 100;
        };
        const before = await share();
        for (let round = 0; round < 4; round++) {
          const { reuse, update } = await algorithm.update(await bandit.rollouts(round * 32, 32));
          assert.equal(update, round + 1);
          assert.equal(reuse!.kept, 32 * (round + 1));
          if (reuse!.steers)
            assert.ok(reuse!.steered!.gain > 0, 'noise that gains nothing is not steered');
          await bandit.adopt(algorithm.adapter());
        }
        const after = await share();
        await algorithm.close();
        await bandit.close();
        assert.ok(after >= before + 0.15, `${before} → ${after}`);
      }));

    it('goes on from its state as if it had never been closed', () =>
      withFolder(async (folder) => {
        const bandit = await openBandit(join(folder, 'policy'), CONFIG.trainable);
        const { bundle } = bandit;
        const rounds = [await bandit.rollouts(0, 16), await bandit.rollouts(16, 16)];
        const open = (name: string, state?: string) =>
          replayLearning(method, config)(
            { bundle, joints: JOINTS, session: SESSION, folder: join(folder, name) },
            state,
          );
        const save = async (algorithm: Algorithm) => {
          const file = join(folder, 'state.safetensors');
          const { format, tensors, values } = algorithm.state;
          await writeSafetensors(file, tensors, { format, ...values });
          return file;
        };
        const whole = await open('whole');
        for (const round of rounds) await whole.update(round);

        const first = await open('parts');
        await first.update(rounds[0]);
        const file = await save(first);
        // As if it was killed in its second update: the attempts are kept, but the state is not.
        await first.update(rounds[1]);
        await first.close();
        const second = await open('parts', file);
        const { reuse } = await second.update(rounds[1]);
        assert.equal(reuse!.kept, 32);
        assert.equal(second.adapter().version, whole.adapter().version);
        await second.close();
        await whole.close();
        await bandit.close();
      }));

    it('learns from attempts as they are labelled now', () =>
      withFolder(async (folder) => {
        const bandit = await openBandit(join(folder, 'policy'), CONFIG.trainable);
        const { bundle } = bandit;
        const context = { bundle, joints: JOINTS, session: SESSION, folder };
        const algorithm = await replayLearning(method, config)(context);
        const attempts = await bandit.rollouts(0, 16);
        const failed = new Map(attempts.map(({ id }) => [id, { reward: 0 }]));
        const { skipped, critics } = await algorithm.update(attempts, failed);
        assert.ok(skipped !== undefined);
        for (const { times, values } of critics!.attempts!) {
          assert.equal(values.length, times.length);
          for (const value of values) assert.ok(value > 0 && value < 1, String(value));
        }
        const discarded = new Map(attempts.map(({ id }, i) => [id, { reward: i < 4 ? null : i % 2 }])); // prettier-ignore
        const { reuse } = await algorithm.update(await bandit.rollouts(16, 1), discarded);
        assert.equal(reuse!.kept, 13);
        await algorithm.close();
        await bandit.close();
      }));

    it('leaves a policy as it is whose attempts all ended alike', () =>
      withFolder(async (folder) => {
        const bandit = await openBandit(join(folder, 'policy'), CONFIG.trainable);
        const { bundle } = bandit;
        const algorithm = await replayLearning(
          method,
          config,
        )({
          bundle,
          joints: JOINTS,
          session: SESSION,
          folder,
        });
        const { version } = algorithm.adapter();
        const failures = (await bandit.rollouts(0, 16)).map((one) => ({ ...one, reward: 0 }));
        const { skipped } = await algorithm.update(failures);
        assert.ok(skipped !== undefined);
        assert.equal(algorithm.adapter().version, version);
        await algorithm.close();
        await bandit.close();
      }));
  });

/** Methods beside whose network something acts, what of an adapter that is, and how an update says that it does. */
const APPLIED = [
  { method: 'choice', part: 'choice', off: { candidates: 1 } },
  { method: 'steer', part: 'steering', off: { steers: false } },
] as const;

for (const { method, part, off } of APPLIED)
  describe(`what acts beside the network by ${method}`, LIMIT, () => {
    it('is taken away where attempts with it fail, also after a restart, and comes back with a version', () =>
      withFolder(async (folder) => {
        const bandit = await openBandit(join(folder, 'policy'), CONFIG.trainable);
        const { bundle } = bandit;
        const context = { bundle, joints: JOINTS, session: SESSION, folder };
        const open = replayLearning(REPLAY_METHODS[method], CONFIG);
        const algorithm = await open(context);
        let from = 0;
        const next = () => bandit.rollouts((from += 32), 32);
        for (let round = 0; round < 4; round++) await algorithm.update(await next());
        const applied = algorithm.adapter();
        assert.ok(applied[part] !== undefined);
        const version = join(folder, 'version.safetensors');
        await writeAdapter(version, applied);
        const failures = (await next()).map((one) => ({ ...one, reward: 0 }));
        const { reuse } = await algorithm.update(failures);
        assert.equal(reuse!.refuted, true);
        for (const [name, value] of Object.entries(off))
          assert.equal(reuse![name as keyof typeof reuse], value);
        assert.equal(algorithm.adapter()[part], undefined);
        const file = join(folder, 'state.safetensors');
        const { format, tensors, values } = algorithm.state;
        await writeSafetensors(file, tensors, { format, ...values });
        await algorithm.close();
        const again = await open(context, file);
        assert.ok((await again.update(await next())).reuse!.refuted);
        const right = new Map(failures.map(({ id }) => [id, { reward: 1 }]));
        const corrected = await again.update(await next(), right);
        assert.equal(corrected.reuse!.refuted, undefined, 'by what was labelled since');
        assert.notEqual(again.adapter().version, applied.version);
        await again.restore(version);
        assert.equal(again.adapter().version, applied.version);
        await again.close();

        const { plays, ...older } = values;
        assert.equal((JSON.parse(plays) as unknown[]).length, 5 * 32);
        const played = { chosen: { attempts: 32, successes: 0 }, plain: { attempts: 128, successes: 64 } }; // prettier-ignore
        await writeSafetensors(file, tensors, { ...{ format, ...older }, played: JSON.stringify(played) }); // prettier-ignore
        const counted = await open(context, file);
        assert.ok((await counted.update(await next(), right)).reuse!.refuted, 'an older state');
        await counted.close();
        await bandit.close();
      }));
  });

describe('a policy that comes with what steers its noise', LIMIT, () => {
  for (const method of ['steer', 'choice', 'preference'] as const)
    it(`keeps it by ${method} until something that is learned takes its place`, () =>
      withFolder(async (folder) => {
        await writeTinyBundle(join(folder, 'policy'), 4);
        const plain = await loadBundle(join(folder, 'policy'));
        const head = { bound: 1, spread: 0.2, hidden: [3] } satisfies Partial<Steering>;
        const shape = steeringShapeOf(adaptableOf(plain), head);
        const parameters = steeringParameters(shape).map(({ name, shape: dims }, i) => {
          const data = gaussianNoise(
            [i],
            dims.reduce<number>((product, dim) => product * dim, 1),
          );
          return [name, { shape: dims, data }] as const;
        });
        const scale = {
          mean: new Float32Array(shape.features),
          deviation: new Float32Array(shape.features).fill(1),
        };
        const steering: Steering = { ...head, hidden: [3], parameters: new Map(parameters), scale };
        const begun = await startingAdapter(plain, CONFIG.trainable, 1);
        const came = makeAdapter({ ...begun, steering });
        const file = join(plain.folder, ADAPTER_FILE);
        await writeAdapter(file, came);
        const bundle = await loadBundle(plain.folder);
        const context = { bundle, joints: JOINTS, session: SESSION, folder };
        const algorithm = await replayLearning(REPLAY_METHODS[method], CONFIG)(context);
        assert.equal(algorithm.adapter().version, came.version);
        await algorithm.restore(file);
        assert.equal(algorithm.adapter().version, came.version);
        await algorithm.close();
      }));
});
