import { signal } from '@preact/signals';
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

function tabOfAddress(): Tab {
  const name = location.hash.slice(1);
  return Object.hasOwn(TABS, name) ? (name as Tab) : 'operate';
}

export const tab = signal<Tab>(tabOfAddress());
window.addEventListener('hashchange', () => (tab.value = tabOfAddress()));
