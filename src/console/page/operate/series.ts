import { signal } from '@preact/signals';

/** Attempts that the next start begins. */
export const series = signal(1);
export const MOST_ATTEMPTS = 1000;
