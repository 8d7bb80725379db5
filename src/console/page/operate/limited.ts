import { computed } from '@preact/signals';
import { now } from '../live/clock.ts';
import { topics } from '../live/topics.ts';

/** Milliseconds for which a joint stays marked. */
const LASTS = 2000;

/** The joints and arms at which the guard has just acted. */
export const limited = computed((): ReadonlySet<string> => {
  const recent = (topics.guard.value ?? []).filter(({ at }) => now.value - at < LASTS);
  return new Set(recent.map(({ source }) => source));
});
