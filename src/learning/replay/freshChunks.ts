import { gaussianNoise } from '../../tensors/noise.ts';
import { displaced } from '../../policy/offset.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';
import { standardised } from '../policyGradient/advantages.ts';
import type { AdvantageChunk } from '../policyGradient/learningPolicy.ts';

/** Smallest deviation by which the advantages of a group are divided, for a reward of 1. */
const FLOOR = 0.01;

export interface FreshOptions {
  /** Chunks of a state. */
  group: number;
  /** Standard deviation of what is added to all rows of each. */
  size: number;
}

/** What fresh chunks are made and judged by. */
export interface FreshSource {
  /** [horizon, actionDim] what the policy makes of each chunk's noise. */
  centres(this: void, chunks: readonly RolloutChunk[]): Promise<Float32Array[]>;
  estimates(this: void, chunks: readonly RolloutChunk[]): Promise<number[]>;
}

/**
 * Chunks that a policy would make now in the states of kept ones, a group of them in each, explored by one offset of all
 * rows. Advantages are relative to the group: the critics' estimates, standardised (as GRPO has it of rewards, arXiv
 * 2402.03300). Rows count where those of the kept chunk did.
 */
export async function freshChunks(
  kept: readonly RolloutChunk[],
  { group, size }: FreshOptions,
  { centres, estimates }: FreshSource,
  seed: readonly number[],
): Promise<AdvantageChunk[]> {
  const drawn = kept.flatMap((chunk, i) =>
    Array.from({ length: group }, (_, k): RolloutChunk => {
      const noise = gaussianNoise([...seed, i, k, 1], chunk.noise.length);
      return { ...chunk, noise, offset: undefined };
    }),
  );
  const made = await centres(drawn);
  const chunks = drawn.map((chunk, i): RolloutChunk => {
    const dims = chunk.committed.length;
    const offset = gaussianNoise([...seed, i, 2], dims).map((value) => size * value);
    return { ...chunk, actions: displaced(made[i], offset, 1) };
  });
  const judged = await estimates(chunks);
  return kept.flatMap((_, i) => {
    const own = [i * group, (i + 1) * group] as const;
    const advantages = standardised(judged.slice(...own), FLOOR);
    return chunks.slice(...own).map((chunk, k) => ({ chunk, advantage: advantages[k] }));
  });
}
