import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { unreadable } from '../../../systemErrors.ts';
import {
  PALIGEMMA,
  type PromptTokenizer,
  TOKENIZER_FILE,
  checkVocabulary,
  loadPromptTokenizer,
} from '../../paligemma/tokenizer.ts';
import type { Marks } from './actionTokens.ts';
import type { FastConfig } from './config.ts';
import { type BytePairs, bytePairs } from './fast/bytePairs.ts';
import { ACTION, END } from './layout.ts';

/** The action tokenizer beside a bundle's weights. */
export const ACTION_TOKENIZER_FILE = 'action-tokenizer.json';

const END_OF_TEXT = '<eos>';

/** The ids around a chunk's codes. Throws a `UserError` for a tokenizer that has not these. */
export function marksOf({ encode, idOf }: PromptTokenizer, path: string): Marks {
  const [end, ...more] = encode(END);
  const endOfText = idOf(END_OF_TEXT);
  if (end === undefined || more.length > 0 || endOfText === undefined)
    throw new UserError(
      `${path}: has no token ${endOfText === undefined ? END_OF_TEXT : END}, with which π0-FAST ends a chunk; it is the tokenizer of another model. π0-FAST reads PaliGemma's, of google/paligemma-3b-pt-224`,
      { kind: 'mismatch', subject: path },
    );
  return { lead: encode(ACTION), ends: [end, endOfText] };
}

/** Throws a `UserError` for an action tokenizer of another size than the policy's. */
export function checkActionTokenizer(
  pairs: BytePairs,
  path: string,
  { fast }: Pick<FastConfig, 'fast'>,
): void {
  if (pairs.size !== fast.vocabulary)
    throw new UserError(
      `${path}: has ${pairs.size} codes, the policy was trained with ${fast.vocabulary}; take the action tokenizer that it was trained with`,
      { kind: 'mismatch', subject: path },
    );
}

/** How a bundle reads prompts and writes actions. */
export interface BundleTokenizers {
  text: PromptTokenizer;
  marks: Marks;
  pairs: BytePairs;
}

/** Reads a bundle's two tokenizers. Throws a `UserError` for those that do not fit the policy. */
export async function loadTokenizers(
  folder: string,
  config: FastConfig,
): Promise<BundleTokenizers> {
  const path = join(folder, TOKENIZER_FILE);
  const text = await loadPromptTokenizer(path);
  const actionPath = join(folder, ACTION_TOKENIZER_FILE);
  const json = await readFile(actionPath, 'utf8').catch((error: unknown) => {
    throw unreadable(actionPath, error);
  });
  const pairs = bytePairs(json, actionPath);
  checkActionTokenizer(pairs, actionPath, config);
  return { text, marks: marksOf(text, path), pairs };
}

/** Throws a `UserError` for tokenizers of a bundle that do not fit the policy. */
export async function checkTokenizers(folder: string, config: FastConfig): Promise<void> {
  await loadTokenizers(folder, config);
  const path = join(folder, TOKENIZER_FILE);
  checkVocabulary(await readFile(path, 'utf8'), path, config.language, PALIGEMMA);
}

/** Throws a `UserError` for a policy that reads black images, with which it is not trained. */
export function demandNoBlack(folder: string, { black }: Pick<FastConfig, 'black'>): void {
  if (black.length > 0)
    throw new UserError(
      `${folder}: reads black images in place of cameras that its robot lacks, and is not trained with them; begin a policy of this robot's cameras, without --from`,
      { kind: 'unsupported', subject: folder, fields: ['black'] },
    );
}
