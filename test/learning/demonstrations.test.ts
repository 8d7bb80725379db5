import { learnablePi0 } from '../../src/policy/families/pi0/learnable.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { createBatches } from '../../src/learning/train/batches.ts';
import {
  type Viewpoint,
  demonstrationsOf,
  gatherDemonstrations,
} from '../../src/learning/imitation/demonstrations.ts';
import { observationOrder } from '../../src/learning/imitation/observationOrder.ts';
import { normalisationOf } from '../../src/learning/imitation/statistics.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { assertSaid } from '../refusals.ts';
import { tinyBundle, tinyDemonstrations } from './tiny.ts';

const VIEW: Viewpoint = {
  embodiment: 'tiny',
  cameras: ['cam_high', 'cam_wrist'],
  side: 8,
  horizon: 4,
};
const PERIOD = 20_000_000n;

/** An episode of six control steps, observed at its first and its fourth. */
function episode(change: (episode: Episode) => void = () => {}): Episode {
  const joint = {
    kind: 'arm',
    lower: -1,
    upper: 1,
    velocity: 1,
    acceleration: 100,
    home: 0,
  } as const;
  const at = (step: number) => ({
    stamp: BigInt(step) * PERIOD,
    position: Float64Array.of(step / 10, 0, 0),
  });
  const made: Episode = {
    path: 'one.mcap',
    header: {
      id: 'one',
      embodiment: {
        name: 'tiny',
        controlRate: 50,
        joints: ['a', 'b', 'c'].map((name) => ({ name, ...joint })),
        cameras: VIEW.cameras.map((name) => ({ name, width: 8, height: 8 })),
      },
      task: 'go',
      prompt: 'go',
      policy: 'expert',
    },
    result: { outcome: 'success', reward: 1, stagedReward: 4, steps: 6 },
    chunks: [0, 3].map((step, index) => ({
      index,
      policyVersion: 'expert',
      observationStamp: BigInt(step) * PERIOD,
      frameStamps: { cam_high: BigInt(step) * PERIOD, cam_wrist: BigInt(step) * PERIOD },
      state: Float64Array.of(step, step, step),
      horizon: 4,
      actions: new Float32Array(12),
      noise: new Float32Array(),
      delay: 0,
      executedFrom: 0,
      executedTo: 3,
      held: 0,
    })),
    joints: Array.from({ length: 6 }, (_, step) => at(step)),
    commands: Array.from({ length: 6 }, (_, step) => at(step)),
    image: (camera, stamp) => ({
      camera,
      stamp,
      width: 8,
      height: 8,
      pixels: () =>
        Promise.resolve(
          new Uint8Array(192).fill(Number(stamp / PERIOD) + (camera === 'cam_high' ? 0 : 100)),
        ),
    }),
    missing: [],
  };
  change(made);
  return made;
}

describe('demonstrations of an episode', () => {
  it('are what was commanded from each observation on, with what the cameras saw', async () => {
    const [first, second] = await demonstrationsOf(episode(), VIEW);
    const firstJoint = (actions: Float32Array) => [0, 1, 2, 3].map((row) => actions[3 * row]);
    assert.deepEqual(firstJoint(first.actions), [0, 0.1, 0.2, 0.3].map(Math.fround));
    assert.equal(first.steps, 4);
    assert.deepEqual([...second.state], [3, 3, 3]);
    assert.deepEqual([second.images[0], second.images[192]], [3, 103]);
  });

  it('count no step after the end, where the last command is repeated', async () => {
    const [, second] = await demonstrationsOf(episode(), VIEW);
    assert.equal(second.steps, 3);
    assert.equal(second.actions[9], second.actions[6]);
  });
});

describe('episodes are left out, each with its reason, when they', () => {
  const spoilt: Record<string, { change: (episode: Episode) => void; names: string[] }> = {
    'are of another embodiment': {
      change: ({ header }) => (header.embodiment = { ...header.embodiment, name: 'so100' }),
      names: ['the embodiment so100', 'tiny'],
    },
    'have another image size than the others': {
      change: ({ header }) => {
        const [high, wrist] = header.embodiment.cameras;
        header.embodiment = { ...header.embodiment, cameras: [high, { ...wrist, width: 9 }] };
      },
      names: ['cam_wrist 9×8', 'cam_wrist 8×8'],
    },
    'lack a camera': {
      change: ({ header }) =>
        (header.embodiment = { ...header.embodiment, cameras: header.embodiment.cameras.slice(1) }),
      names: ['cam_high'],
    },
    'are cut short': {
      change: (one) => one.missing.push('no result'),
      names: ['no result'],
    },
    failed: {
      change: (one) => (one.result = { ...one.result!, outcome: 'failure' }),
      names: ['failure'],
    },
    'hold values that are not finite': {
      change: (one) => (one.commands[2].position[1] = NaN),
      names: ['not finite'],
    },
    'were observed at values that are not finite': {
      change: (one) => (one.chunks[1].state[0] = Infinity),
      names: ['not finite'],
    },
  };
  for (const [name, { change, names }] of Object.entries(spoilt))
    it(name, async () => {
      const set = await gatherDemonstrations(
        ['good', 'spoilt', 'unreadable'],
        (path) => {
          if (path === 'unreadable') return Promise.reject(new Error('no episode in this file'));
          return Promise.resolve(path === 'good' ? episode() : episode(change));
        },
        VIEW,
      );
      assert.equal(set.episodes, 1);
      assert.equal(set.demonstrations.length, 2);
      assert.deepEqual(
        set.leftOut.map(({ path }) => path),
        ['spoilt', 'unreadable'],
      );
      assertSaid(set.leftOut[0].reason, ...names);
      assert.equal(set.leftOut[1].reason, 'no episode in this file');
    });

  it('which are copies of another are counted once', async () => {
    const set = await gatherDemonstrations(
      ['first', 'copy', 'other'],
      (path) =>
        Promise.resolve(
          path === 'other' ? episode(({ chunks }) => (chunks[0].state[0] += 1)) : episode(),
        ),
      VIEW,
    );
    assert.equal(set.episodes, 2);
    assert.deepEqual(set.leftOut, [{ path: 'copy', reason: 'a copy of first' }]);
  });
});

describe('normalisation', () => {
  it('makes states and actions of the demonstrations zero on average with deviation one', () => {
    const demonstrations = tinyDemonstrations(100);
    demonstrations.forEach((one, i) => one.state.set([i, 2 * i, 5]));
    const { state, targets } = makeTransforms(
      normalisationOf(demonstrations),
      tinyBundle.architecture,
    );
    const states = demonstrations.map((one) => state(one.state));
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    for (const joint of [0, 1]) {
      const values = states.map((row) => row[joint]);
      assert.ok(Math.abs(mean(values)) < 1e-4);
      assert.ok(Math.abs(mean(values.map((value) => value ** 2)) - 1) < 1e-3);
    }
    assert.ok(
      states.every((row) => Math.abs(row[2]) < 1e-4),
      'a joint that rests is not blown up',
    );
    const actions = demonstrations.flatMap((one) => [...targets(one.actions, one.state)]);
    assert.ok(Math.abs(mean(actions)) < 1e-4);
  });
});

describe('batches', () => {
  const demonstrations = tinyDemonstrations(10);
  const transforms = makeTransforms([], tinyBundle.architecture);
  const tokenize = (prompt: string) => ({ tokens: new BigInt64Array(prompt.length).fill(9n) });
  const options = {
    policy: learnablePi0(tinyBundle.architecture),
    transforms,
    tokenize,
    batch: 5,
    samples: 3,
    seed: 1,
  };
  const batches = createBatches(demonstrations, 2, options);

  it('show every demonstration once before any twice, in an order of the seed', () => {
    const seen = [0, 1].flatMap((step) => {
      const { images } = batches.of(step);
      return [0, 1, 2, 3, 4].map((i) => (images.data as Uint8Array)[i * 2 * 192]);
    });
    const all = demonstrations.map(({ images }) => images[0]);
    const ascending = (a: number, b: number) => a - b;
    assert.deepEqual([...seen].sort(ascending), [...all].sort(ascending));
    assert.notDeepEqual(seen, all);
  });

  it('are the same whenever they are asked for, and differ from step to step', () => {
    const again = batches.of(7);
    batches.of(2);
    assert.deepEqual(batches.of(7).noise.data, again.noise.data);
    assert.deepEqual(batches.of(7).images.data, again.images.data);
    assert.notDeepEqual(batches.of(8).noise.data, again.noise.data);
  });

  it('hide the state of as many observations as are asked for, and change nothing else', () => {
    const [count, joints] = [200, tinyBundle.architecture.stateDim];
    const seen = demonstrations.map((one) => ({ ...one, state: new Float64Array(joints).fill(1) }));
    const made = (stateDropout?: number) =>
      createBatches(seen, 2, { ...options, batch: count, stateDropout }).of(3);
    const [all, some] = [made(), made(0.5)];
    const told = Array.from({ length: count }, (_, i) =>
      (some.state.data as Float32Array).subarray(i * joints, (i + 1) * joints).join(),
    );
    const [hidden, shown] = ['0', '1'].map((value) => Array(joints).fill(value).join());
    const left = told.filter((state) => state !== hidden);
    assert.ok(left.length > 70 && left.length < 130);
    assert.ok(left.every((state) => state === shown));
    for (const name of ['images', 'actions', 'noise', 'time'])
      assert.deepEqual(some[name].data, all[name].data);
  });

  it('take as many observations of starts as are asked for, all of them in turn', () => {
    const isStart = demonstrations.map((one) => one.isStart);
    const order = observationOrder(demonstrations, { seed: 1, startShare: 0.5 });
    const taken = Array.from({ length: 1000 }, (_, position) => order(position));
    // Half of the positions, and of the others those that come of themselves: 3 of 10 demonstrations.
    const share = taken.filter((index) => isStart[index]).length / taken.length;
    assert.ok(Math.abs(share - 0.65) < 0.05, `${share}`);
    assert.equal(new Set(taken).size, demonstrations.length);
    const alone = observationOrder(demonstrations, { seed: 1, startShare: 1 });
    const starts = demonstrations.flatMap((one, index) => (one.isStart ? [index] : []));
    const first = starts.map((_, position) => alone(position));
    assert.deepEqual([...first].sort(), starts);
  });

  it('pad prompts to the longest, with a mask', () => {
    const { tokens, token_mask } = batches.of(0);
    assert.equal(batches.text, 4);
    assert.ok(batches.padded);
    const lengths = [0, 1, 2, 3, 4].map((i) =>
      (token_mask.data as Uint8Array).subarray(4 * i, 4 * i + 4).reduce((a, b) => a + b, 0),
    );
    assert.ok(lengths.every((length) => length === 2 || length === 4));
    assert.equal(tokens.dims[1], 4);
  });
});
