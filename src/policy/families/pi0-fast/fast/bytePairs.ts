import { z } from 'zod';
import { parseJson, validate } from '../../../../validate.ts';

/** Byte-level byte-pair encoding of text, as of a `tokenizer.json`. */
export interface BytePairs {
  /** Number of codes. */
  size: number;
  /** Bytes without a code are left out. */
  encode(this: void, text: string): number[];
  /** Codes that do not exist are left out; bytes that are no UTF-8 become U+FFFD. */
  decode(this: void, codes: readonly number[]): string;
  /** The bytes of a code; none for one that does not exist. */
  bytes(this: void, code: number): Uint8Array;
}

const byteLevel = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false),
  use_regex: z.literal(true).optional(),
});
const fileSchema = z.looseObject({
  model: z.looseObject({
    type: z.literal('BPE'),
    vocab: z.record(z.string(), z.int().min(0)),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
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

/** What two codes beside each other are joined to, and how early: [rank, code], by left·size + right. */
function joinsOf({ vocab, merges }: z.infer<typeof fileSchema>['model'], size: number) {
  const joins = new Map<number, readonly [number, number]>();
  merges.forEach((pair, rank) => {
    const [left, right] = typeof pair === 'string' ? pair.split(' ') : pair;
    const key = vocab[left] * size + vocab[right];
    const code = vocab[left + right];
    if (code !== undefined && !joins.has(key)) joins.set(key, [rank, code]);
  });
  return joins;
}

/** Joins the earliest pairs that there are, from the left, until there are none. */
function joined(codes: number[], joins: ReturnType<typeof joinsOf>, size: number): number[] {
  for (;;) {
    let first: readonly [number, number] = [Infinity, 0];
    for (let i = 1; i < codes.length; i++) {
      const join = joins.get(codes[i - 1] * size + codes[i]);
      if (join && join[0] < first[0]) first = join;
    }
    const [rank, code] = first;
    if (rank === Infinity) return codes;
    const next: number[] = [];
    for (let i = 0; i < codes.length; i++) {
      const isPair = joins.get(codes[i] * size + codes[i + 1])?.[0] === rank;
      next.push(isPair ? code : codes[i]);
      if (isPair) i += 1;
    }
    codes = next;
  }
}

/** Reads a `tokenizer.json`. Throws a `UserError` for one of another kind. */
export function bytePairs(json: string, path: string): BytePairs {
  const parsed = parseJson(json, path);
  const { model } = validate(fileSchema, parsed, path);
  const tokens: Uint8Array[] = [];
  for (const [token, code] of Object.entries(model.vocab)) tokens[code] = bytesOf(token);
  const joins = joinsOf(model, tokens.length);
  const encodeWord = (word: string) => {
    const bytes = Array.from(new TextEncoder().encode(word), (byte) => model.vocab[CHARACTERS[byte]]); // prettier-ignore
    // Pairs are joined across bytes that have no code.
    const known = bytes.filter((code) => code !== undefined);
    return joined(known, joins, tokens.length);
  };
  const bytes = (code: number) => tokens[code] ?? new Uint8Array();
  return {
    size: tokens.length,
    bytes,
    encode: (text) => wordsOf(text).flatMap(encodeWord),
    decode: (codes) =>
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(codes.map(bytes))),
  };
}
