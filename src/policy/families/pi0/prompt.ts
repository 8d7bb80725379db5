import { oneLine, stateBin } from '../../paligemma/prompt.ts';
import { type Pi0Config, hasStateInPrompt } from './config.ts';

/**
 * The texts that are tokenised one by one, then joined, behind the begin token: what is to be done in one
 * line without underscores and a newline for a policy that reads no state there; one text with the state
 * [joints], normalised to −1…1, for one that does.
 */
export function promptTexts(
  architecture: Pick<Pi0Config, 'variant' | 'stateInPrompt'>,
  prompt: string,
  state: ArrayLike<number>,
): string[] {
  const task = oneLine(prompt);
  if (!hasStateInPrompt(architecture)) return [task, '\n'];
  const bins = Array.from(state, stateBin).join(' ');
  return [`Task: ${task}, State: ${bins};\nAction: `];
}
