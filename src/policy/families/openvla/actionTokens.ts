import { UserError } from '../../../errors.ts';
import type { OpenVlaConfig } from './config.ts';

/** How ids stand for numbers of an action. */
type Bins = Pick<OpenVlaConfig, 'textVocabulary' | 'bins'>;

/** Ends of the bins: evenly from −1 to 1, as numpy.linspace has them. */
export function binEnds({ bins }: Pick<Bins, 'bins'>): Float64Array {
  const step = 2 / (bins - 1);
  return Float64Array.from({ length: bins }, (_, i) => (i === bins - 1 ? 1 : i * step - 1));
}

/** Middles of the bins, one fewer than ends. */
export function binCentres(bins: Pick<Bins, 'bins'>): Float64Array {
  const ends = binEnds(bins);
  return Float64Array.from({ length: ends.length - 1 }, (_, i) => (ends[i] + ends[i + 1]) / 2);
}

/** The ids of normalised numbers: the more, the lower. */
export function idsOf(actions: ArrayLike<number>, bins: Bins): number[] {
  const ends = binEnds(bins);
  return Array.from(actions, (action) => {
    const clipped = Math.min(1, Math.max(-1, action));
    // Ends at most as large as the number.
    const passed = ends.findLastIndex((end) => end <= clipped) + 1;
    return bins.textVocabulary - passed;
  });
}

/** The normalised numbers of ids, the middles of their bins; the nearest bin's of ids that are no action's. */
export function numbersOf(ids: readonly number[], bins: Bins): Float64Array {
  const centres = binCentres(bins);
  return Float64Array.from(ids, (id) => {
    const index = bins.textVocabulary - id - 1;
    return centres[Math.min(centres.length - 1, Math.max(0, index))];
  });
}

/** Throws a `UserError` for an id that is no action's: what it stands for is nothing to move by. */
export function checkIds(ids: readonly number[], { textVocabulary, bins }: Bins): void {
  const first = textVocabulary - bins;
  const wrong = ids.findIndex((id) => id < first || id >= textVocabulary);
  if (wrong < 0) return;
  throw new UserError(
    `the policy wrote token ${ids[wrong]} for number ${wrong} of the action, whose tokens are ${first} to ${textVocabulary - 1}: nothing is moved by it. Ask it what it was trained on, in the words of its data set, with the camera that it was trained with`,
    { kind: 'invalid', subject: 'action' },
  );
}
