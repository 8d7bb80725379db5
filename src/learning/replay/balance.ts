import { uniformNumbers } from '../../tensors/noise.ts';
import type { ChunkPlace, KeptAttempt } from './attemptStore.ts';

/** How much is drawn, and which share of it from attempts that succeeded. */
export interface Balance {
  count: number;
  successes: number;
}

/** Things drawn with replacement, this share of them successes; of one kind alone where there is no other. */
function drawBalanced<T>(
  things: readonly T[],
  succeeded: (thing: T) => boolean,
  { count, successes }: Balance,
  seed: readonly number[],
): T[] {
  if (things.length === 0) return [];
  const draw = uniformNumbers(seed);
  const kinds = [true, false].map((success) => things.filter((one) => succeeded(one) === success));
  return Array.from({ length: count }, () => {
    const wanted = draw() < successes ? 0 : 1;
    const from = kinds[wanted].length > 0 ? kinds[wanted] : kinds[1 - wanted];
    return from[Math.floor(draw() * from.length)];
  });
}

/** Attempts drawn in balance. The same seed draws the same. */
export const balancedDraw = (
  attempts: readonly KeptAttempt[],
  balance: Balance,
  seed: readonly number[],
): KeptAttempt[] => drawBalanced(attempts, ({ reward }) => reward > 0, balance, seed);

/** Chunks drawn in balance among those whose advantage is of use, each with it; none where there is no such chunk. */
export function drawPlaces(
  advantages: ReadonlyMap<KeptAttempt, readonly number[]>,
  isOfUse: (advantage: number) => boolean,
  balance: Balance,
  seed: readonly number[],
): (ChunkPlace & { advantage: number })[] {
  const places = [...advantages].flatMap(([attempt, own]) =>
    own.map((advantage, index) => ({ attempt, index, advantage })),
  );
  const ofUse = places.filter(({ advantage }) => isOfUse(advantage));
  return drawBalanced(ofUse, ({ attempt }) => attempt.reward > 0, balance, seed);
}
