import type { Episode } from '../../src/episodes/readEpisode.ts';
import { type SessionConfig, sessionConfigSchema } from '../../src/session/session.ts';
import type { Adapter } from '../../src/policy/bundle/adapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Chunk } from '../../src/policy/chunkPolicy.ts';
import { type Exploration, explorationSchema } from '../../src/policy/exploration.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { tinyBundle, writeTinyBundle } from './tiny.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { type Rollout } from '../../src/learning/attempts/rollout.ts';

export const JOINTS = 3;
const HORIZON = 4;
const SIDE = 8;
const PERIOD = 20_000_000n;

export const SESSION: SessionConfig = sessionConfigSchema.parse({ threads: 1 });

const pixels = new Uint8Array(SIDE * SIDE * 3).fill(120);

/** An attempt of one chunk [4, 3], of which the first `executed` rows were played. */
export function attempt(
  id: number,
  actions: Float32Array,
  success: boolean,
  executed = 2,
  noise: Float32Array = new Float32Array(actions.length),
): Episode {
  const joint = {
    kind: 'arm',
    lower: -9,
    upper: 9,
    velocity: 1,
    acceleration: 100,
    home: 0,
  } as const;
  const commands = Array.from({ length: executed }, (_, row) => ({
    stamp: BigInt(row) * PERIOD,
    position: Float64Array.from(actions.subarray(row * JOINTS, (row + 1) * JOINTS)),
  }));
  return {
    path: `${id}.mcap`,
    header: {
      id: String(id),
      embodiment: {
        name: 'tiny',
        controlRate: 50,
        joints: ['a', 'b', 'c'].map((name) => ({ name, ...joint })),
        cameras: ['cam_high', 'cam_wrist'].map((name) => ({ name, width: SIDE, height: SIDE })),
      },
      task: 'go',
      prompt: 'go',
      policy: 'tiny',
    },
    result: {
      outcome: success ? 'success' : 'failure',
      reward: Number(success),
      stagedReward: 0,
      steps: executed,
    },
    chunks: [
      {
        index: 0,
        policyVersion: 'v1',
        observationStamp: 0n,
        frameStamps: { cam_high: 0n, cam_wrist: 0n },
        state: new Float64Array(JOINTS),
        horizon: HORIZON,
        actions,
        noise,
        delay: 0,
        executedFrom: 0,
        executedTo: executed,
        held: 0,
      },
    ],
    joints: commands,
    commands,
    image: (camera, stamp) => ({
      camera,
      stamp,
      width: SIDE,
      height: SIDE,
      pixels: () => Promise.resolve(pixels),
    }),
    missing: [],
  };
}

/** The tiny policy in a world that rewards a first action of joint 0 above `threshold`. */
export interface Bandit {
  bundle: Bundle;
  threshold: number;
  adopt: (adapter: Adapter) => Promise<void>;
  /** First actions of joint 0 from noise of these seeds. */
  play: (
    from: number,
    count: number,
    exploration?: Exploration,
  ) => Promise<{ chunks: Chunk[]; first: number[] }>;
  /** Explored attempts from noise of these seeds, encoded. */
  rollouts(from: number, count: number, exploration?: Exploration): Promise<Rollout[]>;
  close(): Promise<void>;
}

/** Far more than a trained policy bears, as all that this one does is small and known. */
const EXPLORATION = explorationSchema.parse({ size: 0.3, initialNoise: 1 });

/** The median of what each fresh policy does, by its configuration: one seed makes it what it is. */
const medians = new Map<object, number>();

/** Opens the world on a fresh tiny bundle; the threshold is the median of what the policy does now. */
export async function openBandit(
  folder: string,
  trainable: Trainable,
  config = tinyBundle,
): Promise<Bandit> {
  await writeTinyBundle(folder, 4, config);
  const bundle = await loadBundle(folder);
  const sampler = await openSampler(bundle, SESSION, { trainable });
  const encoder = await openRolloutEncoder(bundle, SESSION);
  const image = { width: SIDE, height: SIDE, pixels };

  const play: Bandit['play'] = async (from, count, exploration) => {
    const chunks: Chunk[] = [];
    for (let i = 0; i < count; i++) {
      const chunk = await sampler.sample({
        images: [image, image],
        state: new Float64Array(JOINTS),
        prompt: 'go',
        noise: { seed: from + i, exploration },
        turn: { elapsed: 0, delay: 0, from: 0, to: 2 },
      });
      chunks.push(chunk);
    }
    return { chunks, first: chunks.map(({ actions: [action] }) => action) };
  };

  const median = async () => (await play(1_000_000, 200)).first.sort((a, b) => a - b)[100];
  const threshold = medians.get(config) ?? (await median());
  medians.set(config, threshold);
  return {
    bundle,
    threshold,
    play,
    adopt: (adapter) => sampler.adopt(adapter),
    async rollouts(from, count, exploration = EXPLORATION) {
      const { chunks } = await play(from, count, exploration);
      const made: Rollout[] = [];
      for (const [i, { actions, noise, chain, policyVersion }] of chunks.entries()) {
        const { chunks: records, ...episode } = attempt(from + i, actions, actions[0] > threshold, 2, noise); // prettier-ignore
        // A chunk whose steps are learned from also says which policy made it.
        const own = chain && { chain, policyVersion };
        made.push(await encoder.encode({ ...episode, chunks: records.map((one) => ({ ...one, ...own })) })); // prettier-ignore
      }
      return made;
    },
    async close() {
      await sampler.close();
      await encoder.close();
    },
  };
}
