import { computed, signal } from '@preact/signals';
import { hasEpisodesOnly, hasRobot } from './live/seat.ts';
import { topics } from './live/topics.ts';
import type { IconName } from './parts/Icon.tsx';

/** The page's tabs, by the address's fragment. */
export const TABS = {
  operate: { label: 'Operate', icon: 'hand' },
  learn: { label: 'Learn', icon: 'curve' },
  episodes: { label: 'Episodes', icon: 'film' },
  compare: { label: 'Compare', icon: 'scale' },
  setup: { label: 'Set up', icon: 'wrench' },
} as const satisfies Record<string, { label: string; icon: IconName }>;
export type Tab = keyof typeof TABS;

const ALL = Object.keys(TABS) as Tab[];

/** The tabs that there is something on: without a robot to operate, its calibration, or what was learned and recorded. */
export const tabs = computed((): Tab[] => {
  if (hasRobot.value) return ALL;
  if (topics.calibration.value) return ['setup'];
  return ['learn', 'episodes'];
});

const chosen = signal(location.hash.slice(1));
window.addEventListener('hashchange', () => (chosen.value = location.hash.slice(1)));

/** The tab that is shown: the one of the address, or the first; where nothing learned, the episodes. */
export const tab = computed(
  (): Tab =>
    tabs.value.find((name) => name === chosen.value) ??
    (hasEpisodesOnly.value ? 'episodes' : tabs.value[0]),
);
