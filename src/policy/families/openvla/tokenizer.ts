import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { LLAMA, TOKENIZER_FILE, checkVocabulary, loadPromptTokenizer } from '../../paligemma/tokenizer.ts'; // prettier-ignore
import type { OpenVlaConfig } from './config.ts';
import { EMPTY, promptText } from './prompt.ts';

/** Makes ids of a task. Throws a `UserError` where they are more than the policy reads. */
export type EncodePrompt = (task: string) => number[];

/** Reads how a bundle's prompts become ids. Throws a `UserError` for a tokenizer that cannot be used. */
export async function loadPrompts(
  folder: string,
  { maxTokens }: Pick<OpenVlaConfig, 'maxTokens'>,
): Promise<EncodePrompt> {
  const path = join(folder, TOKENIZER_FILE);
  const { begin, encode, idOf } = await loadPromptTokenizer(path, LLAMA);
  const empty = idOf(EMPTY);
  if (empty === undefined)
    throw new UserError(
      `${path}: has no token ${EMPTY}, with which prompts of OpenVLA end; it is the tokenizer of another model. OpenVLA reads ${LLAMA.whose}, of ${LLAMA.repository}`,
      { kind: 'mismatch', subject: path, fields: ['model.vocab'] },
    );
  return (task) => {
    const ids = [begin, ...encode(promptText(task))];
    if (ids.at(-1) !== empty) ids.push(empty);
    if (ids.length > maxTokens)
      throw new UserError(
        `the prompt takes ${ids.length} tokens, and the policy reads ${maxTokens}; shorten it: ${task}`,
        { kind: 'invalid', subject: 'prompt' },
      );
    return ids;
  };
}

/** Throws a `UserError` for a bundle's tokenizer that does not fit the policy. */
export async function checkTokenizer(folder: string, config: OpenVlaConfig): Promise<void> {
  const path = join(folder, TOKENIZER_FILE);
  await loadPrompts(folder, config);
  const { language, textVocabulary } = config;
  const sizes = { vocabulary: language.vocabulary, textVocabulary };
  checkVocabulary(await readFile(path, 'utf8'), path, sizes, LLAMA);
}
