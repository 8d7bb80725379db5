import type { ListedEpisode } from '../episodes/listEpisodes.ts';
import { type Outcome, REWARDS } from '../episodes/episode.ts';
import type { LearnerEvent } from './events.ts';
import type { VersionRecord } from './versions.ts';

/** An episode that a learner has on its own disk. */
export interface HeldEpisode {
  id: string;
  path: string;
  /** The outcome that its newest label gives; absent where it has none. */
  label?: Outcome;
  /** The robot that made it; absent where the link does not tell. */
  robot?: string;
  /** How it ended, as labels correct it, and the version of the policy that made its last chunk; absent where its file does not tell. */
  outcome?: Outcome;
  version?: string;
}

/** A listed episode, for a learner. */
export function heldEpisode(listed: ListedEpisode, robot?: string): HeldEpisode {
  const { id, path } = listed;
  const named = { id, path, ...(robot !== undefined && { robot }) };
  if (listed.state !== 'finished') return named;
  const { label, version, result } = listed;
  return { ...named, label, version, outcome: result.outcome };
}

/** What an attempt counts for. */
export interface Counted {
  /** The version that made it. */
  version: string;
  /** Success 1, failure 0; null where it was discarded afterwards, and does not count. */
  reward: number | null;
  /** The robot that made it; absent where that is not known. */
  robot?: string;
}

/** The attempts that were counted for their versions, and the labels that are dealt with, by id of the episode. */
export interface Counts {
  counted: Map<string, Counted>;
  labels: Map<string, Outcome>;
}

/** Adds an attempt to its version's counts, or with `sign` −1 takes it out of them. */
export function count(
  versions: readonly VersionRecord[],
  { version, reward }: Counted,
  sign: 1 | -1 = 1,
): void {
  const record = versions.find((known) => known.version === version);
  if (!record || reward === null) return;
  record.attempts += sign;
  record.successes += sign * reward;
}

/** Deals with an episode's label; undefined where it is dealt with already, or changes nothing. */
function correct(
  { id, label }: HeldEpisode,
  versions: readonly VersionRecord[],
  { counted, labels }: Counts,
  isConsumed: boolean,
): LearnerEvent | undefined {
  if (label === undefined || labels.get(id) === label) return undefined;
  labels.set(id, label);
  const before = counted.get(id);
  if (!before)
    return { event: 'corrected', id, outcome: label, effect: isConsumed ? 'none' : 'waits' };
  if (before.reward === REWARDS[label]) return undefined;
  const after = { ...before, reward: REWARDS[label] };
  count(versions, before, -1);
  count(versions, after);
  counted.set(id, after);
  return { event: 'corrected', id, outcome: label, effect: 'counts', version: before.version };
}

/**
 * Takes labels that came since the last call into account. An attempt that was learned from counts for its version as
 * it is labelled; what was learned from it stays. One that waits is learned from as it is labelled.
 */
export const applyLabels = (
  held: Iterable<HeldEpisode>,
  versions: readonly VersionRecord[],
  counts: Counts,
  isConsumed: (id: string) => boolean,
): LearnerEvent[] =>
  [...held].flatMap((episode) => correct(episode, versions, counts, isConsumed(episode.id)) ?? []);
