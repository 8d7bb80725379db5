import { uniformNumbers } from '../../tensors/noise.ts';
import { epochsOf } from '../train/order.ts';
import { STREAM } from '../train/streams.ts';
import type { Demonstration } from './demonstrations.ts';

/**
 * Which observation is at a position, counted from a run's first: epoch after epoch of all, in an order drawn for each.
 * Of `startShare` of the positions it is one of an episode's start, where joints tell nothing of the task yet, so that
 * what cameras show counts in the loss.
 */
export function observationOrder(
  demonstrations: readonly Pick<Demonstration, 'isStart'>[],
  { seed, startShare = 0 }: { seed: number; startShare?: number },
): (position: number) => number {
  const all = [...demonstrations.keys()];
  const at = epochsOf(all, (epoch) => [seed, STREAM.order, epoch]);
  if (startShare === 0) return at;
  const starts = all.filter((index) => demonstrations[index].isStart);
  const atStart = epochsOf(starts, (epoch) => [seed, STREAM.startOrder, epoch]);
  return (position) => {
    const isStart = uniformNumbers([seed, STREAM.starts, position])() < startShare;
    return isStart ? atStart(position) : at(position);
  };
}
