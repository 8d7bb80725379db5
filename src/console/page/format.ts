/** Numbers and times in words. */

export { plural } from '../../terminal/plural.ts';

const pad = (value: number) => String(value).padStart(2, '0');

/** Minutes and seconds: 1:05. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
}

/** Minutes, seconds and tenths: 1:05.3. */
export function tenthsClock(ms: number): string {
  const tenths = Math.round(Math.max(0, ms) / 100);
  return `${clock(100 * tenths)}.${tenths % 10}`;
}

/** Time of the day: 14:05:09. */
export const timeOfDay = (at: number): string => new Date(at).toLocaleTimeString('en-GB');

/** Day and time: 3 Dec, 14:05. */
export const dayAndTime = (at: number): string =>
  new Date(at).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }); // prettier-ignore

/** How long ago: 40 ms, 3.2 s, 5 min. */
export function age(ms: number): string {
  if (!Number.isFinite(ms)) return 'never';
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}\u00a0ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}\u00a0s`;
  return ms < 3_600_000
    ? `${Math.round(ms / 60_000)}\u00a0min`
    : `${Math.round(ms / 3_600_000)}\u00a0h`;
}

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(count: number): string {
  const power = Math.min(BYTES.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)}\u00a0${BYTES[power]}`;
}

export const percent = (share: number): string => `${Math.round(100 * share)}\u00a0%`;

export const range = ([low, high]: readonly [number, number]): string =>
  `${Math.round(100 * low)}–${percent(high)}`;

export const milliseconds = (ms: number): string =>
  `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}\u00a0ms`;

/** Hundredths, with a minus sign and without one before zero. */
export const hundredths = (value: number): string =>
  (Math.round(100 * value) / 100 + 0).toFixed(2).replace('-', '−');

/** Of positions; the opening of a gripper is a share. */
const UNITS = { arm: '\u00a0rad', prismatic: '\u00a0m', gripper: '' } as const;

/** A joint's position with its unit: 0.30 rad. */
export const inUnit = (value: number, kind: keyof typeof UNITS): string =>
  hundredths(value) + UNITS[kind];

/** Begins with a capital, unless its first word is no word: an id, or a version. */
export const sentence = (text: string): string =>
  text.replace(/^[a-z]+(?=[ ,:])/, (word) => word.charAt(0).toUpperCase() + word.slice(1));

/** An episode's policy, its name and the short form of its version. */
export function shortPolicy(policy: string): string {
  const [name, version] = policy.split(' ');
  return version === undefined ? name : `${name} ${shortVersion(version)}`;
}

/** The short form of a version: the part after the last @ or +, at most 12 characters. */
export const shortVersion = (version: string): string => {
  const last = version.slice(Math.max(version.lastIndexOf('@'), version.lastIndexOf('+')) + 1);
  return last.length > 14 ? `${last.slice(0, 12)}…` : last;
};
