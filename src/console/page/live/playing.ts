import { computed } from '@preact/signals';
import { topics } from './topics.ts';

/** Whether a blind comparison is under way: until it has ended, the page does not say which version plays. */
export const isBlind = computed(() => {
  const comparison = topics.phase.value?.comparison;
  return comparison !== undefined && comparison.made < comparison.of;
});

/** The version that plays; undefined while it must not be known. */
export const playing = computed(() => (isBlind.value ? undefined : topics.policy.value?.version));
