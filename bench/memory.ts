import { readFileSync, writeFileSync } from 'node:fs';

type Field = 'VmRSS' | 'VmHWM';

/** Resident memory of a process, MiB (Linux): now, or at its highest. */
export function residentOf(process: number | 'self', field: Field = 'VmRSS'): number {
  const status = readFileSync(`/proc/${process}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

/** The same of this process. */
export const resident = (field: Field): number => residentOf('self', field);

/** Makes what is resident now the highest. */
export const forgetPeak = () => writeFileSync('/proc/self/clear_refs', '5');
