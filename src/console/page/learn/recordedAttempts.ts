import type { AttemptLine, EpisodeLine } from '../../protocol.ts';

/** Recorded episodes as attempts, oldest first, whatever their order; without those that have no outcome. */
export const recordedAttempts = (episodes: readonly EpisodeLine[]): AttemptLine[] =>
  episodes
    .toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0) || (a.id < b.id ? -1 : 1))
    .flatMap(({ id, at = 0, outcome, policy, seconds }) =>
      outcome ? [{ id, at, outcome, version: policy.split(' ').at(-1)!, seconds }] : [],
    )
    .map(({ id, ...line }, i) => ({ ...line, attempt: i + 1, episode: id }));
