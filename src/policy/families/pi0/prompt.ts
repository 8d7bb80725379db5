import type { Pi0Config } from './config.ts';

/** Bins of a state in the text of a prompt. */
const BINS = 256;

/** The bin of a normalised number: 0 to 255 for −1 to 1; the last one above, −1 below, as openpi has it. */
export function stateBin(value: number): number {
  const half = BINS / 2;
  return Math.max(-1, Math.min(BINS - 1, Math.floor(value * half) + half));
}

const oneLine = (prompt: string) => prompt.trim().replaceAll(/[_\n]/g, ' ');

/**
 * The texts that are tokenised one by one, then joined, behind the begin token: what is to be done in one
 * line without underscores and a newline for π0, which reads the state elsewhere; one text with the state
 * [joints], normalised to −1…1, for π0.5.
 */
export function promptTexts(
  variant: Pi0Config['variant'],
  prompt: string,
  state: ArrayLike<number>,
): string[] {
  const task = oneLine(prompt);
  if (variant === 'pi0') return [task, '\n'];
  const bins = Array.from(state, stateBin).join(' ');
  return [`Task: ${task}, State: ${bins};\nAction: `];
}
