/** Works; missing although this machine needs it; or absent and not needed on this machine. */
export type State = 'ok' | 'lack' | 'absent';

/** The finding on one item. */
export interface Finding {
  part: string;
  name: string;
  state: State;
  /** One line: what is present, or why it is not. */
  found: string;
  /** The next step, as exact as possible. */
  next?: string;
  /** The simulated robot does not run without it. */
  needed?: true;
}

/** Findings of one part of the machine. */
export const findingsOf = (part: string) => ({
  ok: (name: string, found: string): Finding => ({ part, name, state: 'ok', found }),
  lack: (name: string, found: string, next: string): Finding => ({
    part,
    name,
    state: 'lack',
    found,
    next,
  }),
  absent: (name: string, found: string, next?: string): Finding => ({
    part,
    name,
    state: 'absent',
    found,
    ...(next !== undefined && { next }),
  }),
});

/** Marks a finding as required by the simulated robot. */
export const needed = (finding: Finding): Finding => ({ ...finding, needed: true });

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in a unit with one to three digits before the point, such as 9.2 GB. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power > 0 && value < 10 ? 1 : 0)} ${UNITS[power]}`;
}
