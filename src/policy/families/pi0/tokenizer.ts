import type { Tokenize } from '../../learnable.ts';
import { loadPromptTokenizer } from '../../paligemma/tokenizer.ts';
import type { Pi0Config } from './config.ts';
import { promptTexts } from './prompt.ts';

/** Loads a `tokenizer.json` for the prompts of a policy: begin token, its texts, cut to `maxTokens`. */
export async function loadTokenizer(
  path: string,
  architecture: Pick<Pi0Config, 'maxTokens' | 'variant' | 'stateInPrompt'>,
): Promise<Tokenize> {
  const { maxTokens } = architecture;
  const { begin, encode } = await loadPromptTokenizer(path);
  return (prompt, state) => {
    const ids = [begin, ...promptTexts(architecture, prompt, state).flatMap(encode)];
    const tokens = BigInt64Array.from(ids.slice(0, maxTokens), BigInt);
    if (ids.length <= maxTokens) return { tokens };
    return {
      tokens,
      warning: `the prompt takes ${ids.length} tokens, of which the policy reads the first ${maxTokens}; shorten it: ${prompt}`,
    };
  };
}
