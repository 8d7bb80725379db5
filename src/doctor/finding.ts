/** Here and works, wanted but not there, or not here and nothing that this machine would need. */
export type State = 'ok' | 'lack' | 'absent';

/** What was found of one thing. */
export interface Finding {
  part: string;
  name: string;
  state: State;
  /** In a line: what is there, or why it is not. */
  found: string;
  /** What to do next, as exactly as can be said. */
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

/** Marks a finding as one without which nothing runs. */
export const needed = (finding: Finding): Finding => ({ ...finding, needed: true });

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in the unit that leaves one to three digits, as 9.2 GB. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power > 0 && value < 10 ? 1 : 0)} ${UNITS[power]}`;
}
