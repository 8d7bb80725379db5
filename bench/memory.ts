import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of this process, MiB (Linux): now, or at its highest. */
export function resident(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

/** Makes what is resident now the highest. */
export const forgetPeak = () => writeFileSync('/proc/self/clear_refs', '5');
