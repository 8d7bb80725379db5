import { type RolloutEncoder, openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import type { Rollout } from '../../src/learning/attempts/rollout.ts';
import type { Adapter } from '../../src/policy/bundle/adapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import type { Chunk } from '../../src/policy/chunkPolicy.ts';
import { type Exploration, explorationSchema } from '../../src/policy/exploration.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { changed } from './attempts.ts';
import { JOINTS, SESSION, attempt } from './bandit.ts';
import { tinyDemonstrations } from './tiny.ts';
import { trainFast, writeTinyFast } from './tinyFast.ts';

const DEMONSTRATIONS = tinyDemonstrations(64);
const SIDE = 8;
const image = { width: SIDE, height: SIDE, pixels: new Uint8Array(SIDE * SIDE * 3).fill(120) };

/** Writes a tiny π0-FAST that has learned to write chunks near what pictures tell, with some spread. */
export const writeTrainedFast = async (folder: string): Promise<void> =>
  trainFast(folder, await writeTinyFast(folder, DEMONSTRATIONS), DEMONSTRATIONS);

/** A policy that writes tokens in a world that rewards a first action of joint 0 above `threshold`. */
export interface TokenBandit {
  bundle: Bundle;
  threshold: number;
  encoder: RolloutEncoder;
  adopt: (adapter: Adapter) => Promise<void>;
  /** A chunk, explored in this way. */
  sample: (seed: number, exploration: Exploration) => Promise<Chunk>;
  /** Chunks of the seeds that can be played, drawn at a temperature. */
  play: (from: number, count: number, temperature?: number) => Promise<Chunk[]>;
  /** Explored attempts of these seeds, encoded. */
  rollouts(from: number, count: number): Promise<Rollout[]>;
  close(): Promise<void>;
}

const SAMPLED = explorationSchema.parse({ size: 0 });

/** An attempt of one chunk of a policy that writes tokens. */
export const tokenAttempt = (id: number, chunk: Chunk, success: boolean) => {
  const { actions, noise, tokens, policyVersion } = chunk;
  return changed(attempt(id, actions, success, 2, noise), { tokens, policyVersion });
};

/** Opens the world on the bundle in a folder; the threshold is what a policy's middle attempt does now. */
export async function openTokenBandit(folder: string, trainable: Trainable): Promise<TokenBandit> {
  const bundle = await loadBundle(folder);
  const sampler = await openSampler(bundle, SESSION, { trainable });
  const encoder = await openRolloutEncoder(bundle, SESSION);
  const asked = { images: [image, image], state: new Float64Array(JOINTS), prompt: 'go' };
  const sample: TokenBandit['sample'] = (seed, exploration) =>
    sampler.sample({ ...asked, noise: { seed, exploration } });
  const play: TokenBandit['play'] = async (from, count, temperature = 1) => {
    const chunks: Chunk[] = [];
    for (let seed = from; chunks.length < count; seed++) {
      // What is no chunk is no attempt.
      await sample(seed, { ...SAMPLED, temperature }).then(
        (chunk) => chunks.push(chunk),
        () => undefined,
      );
    }
    return chunks;
  };
  const first = (await play(1_000_000, 101)).map(({ actions }) => actions[0]).sort((a, b) => a - b);
  const threshold = first[50];
  return {
    ...{ bundle, threshold, encoder, sample, play },
    adopt: (adapter) => sampler.adopt(adapter),
    async rollouts(from, count) {
      const made: Rollout[] = [];
      for (const [i, chunk] of (await play(from, count)).entries())
        made.push(
          await encoder.encode(tokenAttempt(from + i, chunk, chunk.actions[0] > threshold)),
        );
      return made;
    },
    async close() {
      await sampler.close();
      await encoder.close();
    },
  };
}
