import { computed } from '@preact/signals';
import { topics } from './topics.ts';

/** Whether a blind comparison is under way: until it has ended, the page does not say which version plays. */
export const isBlind = computed(() => {
  const comparison = topics.phase.value?.comparison;
  return comparison !== undefined && comparison.made < comparison.of;
});

/** The policy as its robot has it, or the learner where there is no robot. */
const played = computed(() => {
  const { policy, learning } = topics;
  if (policy.value) return policy.value;
  return { version: learning.value?.plays, pinned: learning.value?.pinned };
});

/** The version that plays; undefined while it must not be known. */
export const playing = computed(() => (isBlind.value ? undefined : played.value.version));

/** The version that is pinned; undefined where none is, and while it must not be known. */
export const pinned = computed(() => (isBlind.value ? undefined : played.value.pinned));
