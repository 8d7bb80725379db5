import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { Tensor } from '../../../session/session.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { Feeds } from '../../family.ts';
import { TOKENIZER_FILE, loadTextTokenizer } from '../../paligemma/tokenizer.ts';
import type { OctoConfig, TextEncoder } from './config.ts';

/** T5's ids of padding and of the end of a text. */
const PADDING = 0;
const END = '</s>';

/** The text graph's inputs of ids, of which the first `count` are no padding. */
function textInputs(ids: readonly number[], count: number): Feeds {
  const counts = Uint8Array.from(ids, (_, i) => Number(i < count));
  return {
    tokens: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
    token_mask: new Tensor('bool', counts, [1, ids.length]),
  };
}

/** The text graph's inputs of tokens that all count. */
export const wholeText = (tokens: Tensor): Feeds => ({
  tokens,
  token_mask: new Tensor('bool', new Uint8Array(tokens.size).fill(1), tokens.dims),
});

/** Loads T5's tokenizer. Throws a `UserError` for another. */
async function loadT5(path: string) {
  const { encode, idOf } = await loadTextTokenizer(path);
  const end = idOf(END);
  if (end === undefined)
    throw new UserError(
      `${path}: has no token ${END}, with which T5 ends a text; it is the tokenizer of another model. Octo reads T5's, of google-t5/t5-base`,
      { kind: 'mismatch', subject: path },
    );
  return { encode, end };
}

/** Throws a `UserError` for a tokenizer whose ids a policy's table has not. */
export async function checkInstructions(path: string, { vocabulary }: TextEncoder): Promise<void> {
  const { encode, end } = await loadT5(path);
  const highest = Math.max(end, ...encode('Transfer cube'));
  if (highest >= vocabulary)
    throw new UserError(
      `${path}: its ids go up to ${highest} or more, but the policy's table has ${vocabulary} rows; it is the tokenizer of another model. Octo reads T5's, of google-t5/t5-base`,
      { kind: 'mismatch', subject: path },
    );
}

/**
 * Makes the text graph's inputs of instructions, cut or padded to the policy's tokens, by a bundle's tokenizer. Throws a
 * `UserError` for one that is none of T5's.
 */
export async function instructionInput({
  folder,
  architecture: { language },
}: Pick<Bundle<OctoConfig>, 'folder' | 'architecture'>): Promise<(prompt: string) => Feeds> {
  const { encode, end } = await loadT5(join(folder, TOKENIZER_FILE));
  const most = language!.tokens;
  return (prompt) => {
    const ids = [...encode(prompt).slice(0, most - 1), end];
    return textInputs([...ids, ...Array<number>(most - ids.length).fill(PADDING)], ids.length);
  };
}
