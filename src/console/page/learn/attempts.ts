import { computed } from '@preact/signals';
import type { AttemptLine } from '../../protocol.ts';
import { episodes } from '../episodes/list.ts';
import { hasEpisodesOnly } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { recordedAttempts } from './recordedAttempts.ts';

/** The attempts that success is counted of: the robot's, or those that were recorded where there is nothing else. */
export const attempts = computed((): readonly AttemptLine[] =>
  hasEpisodesOnly.value ? recordedAttempts(episodes.value ?? []) : (topics.attempts.value ?? []),
);
