import { effect, signal } from '@preact/signals';
import { storedInTab } from '../stored.ts';

export const MOST_ATTEMPTS = 1000;

/** Attempts that the next start begins. */
export const series = signal(Number(storedInTab.get('attempts') ?? 1));
effect(() => storedInTab.set('attempts', String(series.value)));
