import { CHARACTERS, wordsOf } from './bytePairs.ts';

/** Stands between words, which no pair reaches across. */
const GAP = -1;

/** The bytes of texts' words, one behind the other. */
function bytesOf(texts: readonly string[]): Int32Array {
  const encoder = new TextEncoder();
  const words = texts.flatMap((text) => wordsOf(text).map((word) => encoder.encode(word)));
  const codes = new Int32Array(words.reduce((sum, { length }) => sum + length + 1, 0)).fill(GAP);
  let at = 0;
  for (const word of words) {
    codes.set(word, at);
    at += word.length + 1;
  }
  return codes;
}

/** The pair of codes below `known` that stands beside each other most often, the lowest of several. */
function commonest(codes: Int32Array, counts: Int32Array, known: number) {
  counts.fill(0, 0, known * known);
  for (let i = 1; i < codes.length; i++)
    if (codes[i - 1] !== GAP && codes[i] !== GAP) counts[codes[i - 1] * known + codes[i]] += 1;
  let best = 0;
  for (let pair = 1; pair < known * known; pair++) if (counts[pair] > counts[best]) best = pair;
  return { left: Math.floor(best / known), right: best % known, count: counts[best] };
}

/** Puts one code in the place of each pair, from the left, in place. */
function join(codes: Int32Array, left: number, right: number, code: number): Int32Array {
  let length = 0;
  for (let i = 0; i < codes.length; i++) {
    const isPair = codes[i] === left && codes[i + 1] === right;
    codes[length++] = isPair ? code : codes[i];
    if (isPair) i += 1;
  }
  return codes.subarray(0, length);
}

/**
 * Byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909) fitted to texts, as the JSON that `bytePairs` reads: a
 * code for each byte, so that every text can be written, and up to `size` in all for pairs that are met at least twice.
 */
export function fitPairs(texts: readonly string[], size: number): string {
  const tokens = [...CHARACTERS];
  const merges: [string, string][] = [];
  const counts = new Int32Array(size * size);
  let codes = bytesOf(texts);
  while (tokens.length < size) {
    const { left, right, count } = commonest(codes, counts, tokens.length);
    if (count < 2) break;
    codes = join(codes, left, right, tokens.length);
    merges.push([tokens[left], tokens[right]]);
    tokens.push(tokens[left] + tokens[right]);
  }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }; // prettier-ignore
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, code) => [token, code])),
      merges,
    },
  };
  return `${JSON.stringify(json)}\n`;
}
