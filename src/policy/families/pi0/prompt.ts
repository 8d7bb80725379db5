import { oneLine, stateBin } from '../../paligemma/prompt.ts';
import type { Pi0Config } from './config.ts';

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
