import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { UserError, messageOf } from '../../errors.ts';
import { parseJson, validate } from '../../validate.ts';
import { unreadable } from '../../systemErrors.ts';

/** A model's tokenizer. */
export interface TokenizerKind {
  /** The token with which its prompts begin. */
  begin: string;
  /** In messages: who reads whose. */
  readers: string;
  whose: string;
  /** On Hugging Face. */
  repository: string;
}

const BEGIN = '<bos>';

export const PALIGEMMA: TokenizerKind = {
  begin: BEGIN,
  readers: 'π0',
  whose: "PaliGemma's",
  repository: 'google/paligemma-3b-pt-224',
};

export const LLAMA: TokenizerKind = {
  begin: '<s>',
  readers: 'OpenVLA',
  whose: "Llama 2's",
  repository: 'openvla/openvla-7b',
};

/** What is used of the library's class, whose own declarations do not resolve in ECMAScript modules. */
interface TextTokenizer {
  token_to_id(token: string): number | undefined;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const TextTokenizer = Tokenizer as unknown as new (json: object, config: object) => TextTokenizer;

const unusable = (path: string, reason: string, cause?: unknown) =>
  new UserError(`${path}: not a usable tokenizer.json: ${reason}`, {
    ...{ cause, kind: 'invalid', subject: path },
  });

function parseText(json: string, path: string): TextTokenizer {
  try {
    return new TextTokenizer(parseJson(json, 'it') as object, {});
  } catch (error) {
    throw unusable(path, messageOf(error), error);
  }
}

function parseTokenizer(
  json: string,
  path: string,
  { begin: token, readers }: TokenizerKind,
): { tokenizer: TextTokenizer; begin: number } {
  const tokenizer = parseText(json, path);
  const begin = tokenizer.token_to_id(token);
  if (begin === undefined)
    throw unusable(path, `has no token ${token}, with which the prompts of ${readers} begin`);
  return { tokenizer, begin };
}

const vocabularySchema = z.looseObject({
  model: z.looseObject({
    vocab: z.union([
      z.record(z.string(), z.int()),
      z.array(z.unknown()).transform((tokens) => ({ last: tokens.length - 1 })),
    ]),
  }),
  added_tokens: z
    .array(z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().optional() }))
    .optional(),
});

/**
 * Checks that a policy whose table has `vocabulary` rows can read what a `tokenizer.json` makes of prompts, and that
 * it has `textVocabulary` tokens, where that matters. Special tokens count only where prompts have them: PaliGemma's
 * last, `<image>`, lies beyond π0's table. Throws a `UserError`.
 */
export function checkVocabulary(
  json: string,
  path: string,
  { vocabulary: rows, textVocabulary }: { vocabulary: number; textVocabulary?: number },
  kind: TokenizerKind,
): void {
  const { tokenizer, begin } = parseTokenizer(json, path, kind);
  const { model, added_tokens = [] } = validate(vocabularySchema, parseJson(json, path), path);
  const ids = [
    ...Object.values(model.vocab),
    ...added_tokens.filter(({ special }) => !special).map(({ id }) => id),
    ...tokenizer.encode('Transfer cube\n', { add_special_tokens: false }).ids,
    begin,
  ];
  const highest = ids.reduce((most, id) => Math.max(most, id), 0);
  if (highest >= rows)
    throw new UserError(
      `${path}: its ids go up to ${highest}, but the policy's table has ${rows} rows; it is the tokenizer of another model. ${kind.readers} reads ${kind.whose}, of ${kind.repository}`,
      { kind: 'mismatch', subject: path },
    );
  const texts = Object.values(model.vocab).reduce((most, id) => Math.max(most, id), -1) + 1;
  if (textVocabulary !== undefined && texts !== textVocabulary)
    throw new UserError(
      `${path}: has ${texts} tokens, the policy was trained with ${textVocabulary}, of which the last are actions; it is the tokenizer of another model. ${kind.readers} reads ${kind.whose}, of ${kind.repository}`,
      { kind: 'mismatch', subject: path, fields: ['model.vocab'] },
    );
}

/** A `tokenizer.json` as policies use it. */
export interface TextIds {
  /** Ids of a text, without special tokens. */
  encode(this: void, text: string): number[];
  /** The id of a token; undefined where there is none. */
  idOf(this: void, token: string): number | undefined;
}

/** One whose prompts begin with a token. */
export interface PromptTokenizer extends TextIds {
  /** The id of the token with which prompts begin. */
  begin: number;
}

const idsOf = (tokenizer: TextTokenizer): TextIds => ({
  encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
  idOf: (token) => tokenizer.token_to_id(token),
});

const readTokenizer = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(path, error);
  });

/** Loads any `tokenizer.json`. Throws a `UserError` for one that cannot be used. */
export const loadTextTokenizer = async (path: string): Promise<TextIds> =>
  idsOf(parseText(await readTokenizer(path), path));

/** Loads a model's `tokenizer.json`. Throws a `UserError` for one that cannot be used. */
export async function loadPromptTokenizer(
  path: string,
  kind = PALIGEMMA,
): Promise<PromptTokenizer> {
  const { tokenizer, begin } = parseTokenizer(await readTokenizer(path), path, kind);
  return { begin, ...idsOf(tokenizer) };
}

const SPECIAL = ['<pad>', '<eos>', BEGIN, '<unk>'];
const BYTES = Array.from({ length: 256 }, (_, byte) => {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
});

/** The tokenizer beside a π0's weights. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** Tokens of `tinyTokenizerJson`. */
export const TINY_VOCABULARY = SPECIAL.length + BYTES.length;

/** A `tokenizer.json` of four special tokens and all bytes, for policies trained from nothing. */
export function tinyTokenizerJson(): string {
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: true,
      vocab: Object.fromEntries([...SPECIAL, ...BYTES].map((token, id) => [token, id])),
      merges: [],
    },
  };
  return `${JSON.stringify(json)}\n`;
}

/** The files beside the weights of policies trained from nothing. */
export const tinyFiles = () => ({ [TOKENIZER_FILE]: tinyTokenizerJson() });
