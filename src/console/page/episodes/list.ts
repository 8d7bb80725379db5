import { computed, effect, signal, untracked } from '@preact/signals';
import type { Outcome } from '../../../episodes/outcome.ts';
import { messageOf } from '../../../errors.ts';
import { HIDDEN, type EpisodeLine } from '../../protocol.ts';
import { ask, link } from '../live/connection.ts';
import { hasEpisodesOnly, hasRobot } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { tab } from '../route.ts';

/** The recorded episodes, newest first; undefined before the first answer. */
export const episodes = signal<EpisodeLine[] | undefined>(undefined);
/** Why the list could not be had. */
export const listProblem = signal<string | undefined>(undefined);
/** The episode that is replayed. */
export const replayed = signal<string | undefined>(undefined);
/** Episodes that are ticked, for the export. */
export const ticked = signal<ReadonlySet<string>>(new Set());

/** The one that is being written is the newest: its name does not tell when it began. */
const newestFirst = (a: EpisodeLine, b: EpisodeLine) =>
  Number(b.growing ?? false) - Number(a.growing ?? false) ||
  (b.at ?? 0) - (a.at ?? 0) ||
  (a.id < b.id ? 1 : -1);

export async function loadEpisodes(): Promise<void> {
  try {
    const { value } = await ask('episodes', null);
    const sorted = value.toSorted(newestFirst);
    // What did not change is not drawn again.
    if (JSON.stringify(sorted) !== JSON.stringify(episodes.value)) episodes.value = sorted;
    listProblem.value = undefined;
  } catch (error) {
    listProblem.value = messageOf(error);
  }
}

const isLookedAt = () =>
  link.value.state === 'live' &&
  (tab.value === 'episodes' || (tab.value === 'learn' && hasEpisodesOnly.value));

// The list is asked for while it is looked at, and again after each attempt.
effect(() => {
  void topics.attempts.value;
  if (isLookedAt()) untracked(() => void loadEpisodes());
});

/** Milliseconds between two questions where no robot tells of its attempts. */
const ASK_EVERY = 5000;
setInterval(() => {
  if (!hasRobot.value && isLookedAt() && !document.hidden) void loadEpisodes();
}, ASK_EVERY);

export interface Filter {
  text: string;
  outcome: Outcome | 'cut off' | '';
  policy: string;
}

export const filter = signal<Filter>({ text: '', outcome: '', policy: '' });

/** Episodes of a comparison that is under way: which version played is not to be known yet. */
export const blind = computed(
  () => new Set((topics.attempts.value ?? []).flatMap((one) => (one.blind ? [one.episode] : []))),
);

/** The episodes as they may be known. */
const known = computed(
  () =>
  (episodes.value ?? []).map((line) => (blind.value.has(line.id) ? { ...line, policy: HIDDEN } : line)), // prettier-ignore
);

/** The policies that there are episodes of. */
export const policies = computed(() => [...new Set(known.value.map(({ policy }) => policy))]);

/** The episodes that the filter lets pass. */
export const shown = computed(() => {
  const { text, outcome, policy } = filter.value;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return known.value.filter((line) => {
    const all = `${line.id} ${line.task} ${line.policy} ${line.problem ?? ''}`.toLowerCase();
    return (
      words.every((word) => all.includes(word)) &&
      (outcome === '' || (line.outcome ?? 'cut off') === outcome) &&
      (policy === '' || line.policy === policy)
    );
  });
});

export function tick(ids: readonly string[], on: boolean): void {
  const next = new Set(ticked.value);
  for (const id of ids) {
    if (on) next.add(id);
    else next.delete(id);
  }
  ticked.value = next;
}
