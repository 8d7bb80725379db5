import { join } from 'node:path';
import type { Comparison, ComparisonSide } from '../console/protocol.ts';
import { labelledOutcomes } from '../episodes/labels.ts';
import type { Outcome } from '../episodes/outcome.ts';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import { type Counts, successInterval } from '../tensors/successRates.ts';
import { uniformNumbers } from '../tensors/noise.ts';
import { attemptsNeeded, fisherExact } from './fisher.ts';

/** One of the two versions that are compared. */
export type Side = 'a' | 'b';

/** Level of the test. */
const LEVEL = 0.05;
/** Probability with which a difference is to be found, where a verdict says how many attempts that takes. */
const POWER = 0.8;

/** The rule of a verdict, in words. */
export const RULE =
  "Fisher's exact test, two-sided, at a level of 5 %, after a number of attempts that was fixed before the first; no difference can be shown with fewer than 4 attempts of each";

const STREAM = 23;

/** The order of attempts: pairs of one with each version, each pair in an order drawn from the seed. */
export function orderOf(pairs: number, seed: number): Side[] {
  const draw = uniformNumbers([seed, STREAM]);
  return Array.from({ length: pairs }, (): Side[] => (draw() < 0.5 ? ['a', 'b'] : ['b', 'a'])).flat(); // prettier-ignore
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const counted = ({ version, successes, attempts }: ComparisonSide) =>
  `${version} ${successes} of ${attempts}`;
const rate = ({ successes, attempts }: Counts) => successes / attempts;

/** A version's counts with their 95 % interval (Wilson). */
export const sideOf = (version: string, counts: Counts): ComparisonSide => ({
  version,
  attempts: counts.attempts,
  successes: counts.successes,
  interval: successInterval(counts),
});

/** How many attempts would have told these rates apart, in words. */
function neededFor(a: ComparisonSide, b: ComparisonSide): string {
  const [low, high] = [rate(a), rate(b)].sort((x, y) => x - y);
  if (low === high) return '';
  const needed = attemptsNeeded([low, high], LEVEL, POWER);
  const words = needed === undefined ? 'more than 500' : String(needed);
  return `; to tell ${percent(low)} from ${percent(high)} in ${percent(POWER)} of comparisons takes ${words} attempts of each`;
}

/** What a finished comparison shows; nothing of a version whose attempts were all discarded since. */
export function verdictOf(a: ComparisonSide, b: ComparisonSide): string {
  const gone = [a, b].filter(({ attempts }) => attempts === 0);
  if (gone.length > 0)
    return `nothing is judged: all attempts with ${gone.map(({ version }) => version).join(' and ')} were discarded`;
  const p = fisherExact(a, b);
  const known = `${counted(a)}, ${counted(b)}: p = ${p.toPrecision(2)}`;
  if (p > LEVEL) return `no difference shown (${known})${neededFor(a, b)}`;
  const better = rate(a) > rate(b) ? a : b;
  return `${better.version} succeeds more often (${known})`;
}

const COMPARISONS = 'comparisons.jsonl';

/** The file beside a folder's episodes that holds its comparisons. */
export const comparisonsFile = (folder: string): string => join(folder, COMPARISONS);

/** An attempt of a comparison, as it was judged. */
export interface JudgedAttempt {
  side: Side;
  outcome: Outcome;
  /** Id of its episode; absent where none was recorded. */
  episode?: string;
}

/** A comparison as it was judged. */
export interface KeptComparison extends Omit<Comparison, 'corrected'> {
  /** Of its order. */
  seed: number;
  /** Whether it was ended early, so that it has no verdict whatever its counts. */
  early?: boolean;
  /** Its attempts but those that were discarded; absent in those of earlier versions. */
  attempts?: readonly JudgedAttempt[];
}

/** What attempts with a version come to. */
export function countSide(version: string, side: Side, all: readonly JudgedAttempt[]) {
  const own = all.filter((attempt) => attempt.side === side && attempt.outcome !== 'discarded');
  const successes = own.filter(({ outcome }) => outcome === 'success').length;
  return sideOf(version, { attempts: own.length, successes });
}

/** A comparison with its attempts as they are labelled now; `labels` are outcomes by id of the episode. */
export function asLabelled(
  { at, id, a, b, verdict, rule, early = false, attempts = [] }: KeptComparison,
  labels: ReadonlyMap<string, Outcome>,
): Comparison {
  const now = attempts.map((attempt) => {
    const { episode = '', outcome } = attempt;
    return { ...attempt, outcome: labels.get(episode) ?? outcome };
  });
  const corrected = now.filter(({ outcome }, i) => outcome !== attempts[i].outcome).length;
  if (corrected === 0) return { at, id, a, b, verdict, rule };
  const [newA, newB] = [countSide(a.version, 'a', now), countSide(b.version, 'b', now)];
  return {
    ...{ at, id, a: newA, b: newB, rule },
    verdict: early ? verdict : verdictOf(newA, newB),
    corrected: { attempts: corrected, verdict },
  };
}

/** Comparisons with their attempts as they are labelled now; `folder` is that of the episodes, if there are any. */
export async function allAsLabelled(
  kept: readonly KeptComparison[],
  folder: string | undefined,
): Promise<Comparison[]> {
  const labels = folder === undefined ? new Map<string, Outcome>() : await labelledOutcomes(folder);
  return kept.map((comparison) => asLabelled(comparison, labels));
}

/** The comparisons beside a folder's episodes, as they were judged. */
export const keptComparisons = (folder: string): Promise<KeptComparison[]> =>
  readJsonLines<KeptComparison>(comparisonsFile(folder));

/** The same with their attempts as they are labelled now. */
export const readComparisons = async (folder: string): Promise<Comparison[]> =>
  allAsLabelled(await keptComparisons(folder), folder);

export const keepComparison = (folder: string, comparison: KeptComparison): Promise<void> =>
  appendJsonLines(comparisonsFile(folder), [comparison]);
