/** Bins of a state in the text of a prompt. */
const BINS = 256;

/** The bin of a normalised number: 0 to 255 for −1 to 1; the last one above, −1 below, as openpi has it. */
export function stateBin(value: number): number {
  const half = BINS / 2;
  return Math.max(-1, Math.min(BINS - 1, Math.floor(value * half) + half));
}

/** A task in one line without underscores. */
export const oneLine = (prompt: string) => prompt.trim().replaceAll(/[_\n]/g, ' ');
