import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { UserError, messageOf } from '../../../../errors.ts';
import { parseJson, validate } from '../../../../validate.ts';

/** Byte-level byte-pair encoding of text, as of a `tokenizer.json`. */
export interface BytePairs {
  /** Number of codes. */
  size: number;
  /** Bytes without a code are left out. */
  encode(this: void, text: string): number[];
  /** Codes that do not exist are left out; bytes that are no UTF-8 become U+FFFD. */
  decode(this: void, codes: readonly number[]): string;
}

const byteLevel = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false),
  use_regex: z.literal(true).optional(),
});
const fileSchema = z.looseObject({
  model: z.looseObject({ type: z.literal('BPE'), vocab: z.record(z.string(), z.int().min(0)) }),
  pre_tokenizer: byteLevel,
  normalizer: z.null().optional(),
});

/** Unicode's White_Space, which JavaScript's `\s` differs from. */
const SPACE = String.raw`\t-\r\x20\x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000`;
/** GPT-2's words, inside which pairs are joined. */
const WORDS = new RegExp(
  String.raw`'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^${SPACE}\p{L}\p{N}]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`,
  'gu',
);

/** A text's words, all of it together. */
export const wordsOf = (text: string): string[] => text.match(WORDS) ?? [];

/** The characters by which byte-level vocabularies write bytes: printable ones as they are, the others from U+0100 on. */
function byteCharacters(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++),
  );
}

export const CHARACTERS: readonly string[] = byteCharacters();
const BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));

/** The bytes of a vocabulary's entry; its own in UTF-8 where one of its characters stands for no byte. */
function bytesOf(token: string): Uint8Array {
  const bytes = [...token].map((character) => BYTES.get(character));
  return bytes.every((byte) => byte !== undefined)
    ? Uint8Array.from(bytes)
    : new TextEncoder().encode(token);
}

/** Leaves the pairs of a `tokenizer.json` alone, without what stands around them. */
const PAIRS_ALONE = {
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  added_tokens: [],
};

/** What is used of the library's class, whose own declarations do not resolve in ECMAScript modules. */
const Words = Tokenizer as unknown as new (
  json: object,
  config: object,
) => { encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] } };

/** Reads a `tokenizer.json`. Throws a `UserError` for one of another kind. */
export function bytePairs(json: string, path: string): BytePairs {
  const parsed = parseJson(json, path);
  const { model } = validate(fileSchema, parsed, path);
  const tokens: Uint8Array[] = [];
  for (const [token, code] of Object.entries(model.vocab)) tokens[code] = bytesOf(token);
  const inWords = openWords({ ...(parsed as object), ...PAIRS_ALONE }, path);
  const encodeWord = (word: string) => {
    const bytes = [...new TextEncoder().encode(word)].map((byte) => CHARACTERS[byte]);
    // Pairs are joined across bytes that have no code, which the library does not do.
    const known = bytes.filter((character) => character in model.vocab).join('');
    return known === '' ? [] : inWords.encode(known, { add_special_tokens: false }).ids;
  };
  return {
    size: tokens.length,
    encode: (text) => wordsOf(text).flatMap(encodeWord),
    decode: (codes) =>
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        Buffer.concat(codes.flatMap((code) => tokens[code] ?? [])),
      ),
  };
}

function openWords(json: object, path: string) {
  try {
    return new Words(json, {});
  } catch (error) {
    throw new UserError(`${path}: not a usable tokenizer.json: ${messageOf(error)}`, {
      cause: error,
      kind: 'invalid',
      subject: path,
    });
  }
}
