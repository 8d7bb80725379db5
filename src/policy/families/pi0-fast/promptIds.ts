import { UserError } from '../../../errors.ts';
import type { PromptTokenizer } from '../../paligemma/tokenizer.ts';
import type { FastConfig } from './config.ts';
import { layoutOf, promptText } from './layout.ts';

/**
 * The ids of a prompt and a state [joints], normalised, behind which action tokens are written. Throws a `UserError`
 * where they do not fit.
 */
export function promptIds(config: FastConfig, text: PromptTokenizer) {
  const { beginsAgain } = layoutOf(config);
  return (prompt: string, state: ArrayLike<number>): number[] => {
    const ids = [text.begin, ...text.encode(promptText(config, prompt, state))];
    if (ids.length > config.maxTokens)
      throw new UserError(
        `the prompt takes ${ids.length} tokens with the state, and the policy reads ${config.maxTokens}: the state's end would be cut off. Shorten it: ${prompt}`,
        { kind: 'unsupported', fields: ['prompt'] },
      );
    return beginsAgain ? [...ids, text.begin] : ids;
  };
}
