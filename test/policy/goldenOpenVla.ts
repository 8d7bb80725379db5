import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type OpenVlaConfig,
  openVlaConfigSchema,
} from '../../src/policy/families/openvla/config.ts';

/** A tiny OpenVLA, and what its own code computes with it (see its README.md). */
export const GOLDEN_OPENVLA = join(import.meta.dirname, '../../../test/golden-openvla');

const MEANS = [
  [0.485, 0.456, 0.406],
  [0.5, 0.5, 0.5],
];
const STDS = [
  [0.229, 0.224, 0.225],
  [0.5, 0.5, 0.5],
];

/** Dimensions of the golden policy. */
export const GOLDEN_CONFIG: OpenVlaConfig = openVlaConfigSchema.parse({
  imageSize: 56,
  patch: 14,
  towers: [
    { width: 32, depth: 3, mlp: 128, heads: 4, classToken: true, registers: 4, layerScale: true, mean: MEANS[0], std: STDS[0] }, // prettier-ignore
    { width: 36, depth: 2, mlp: 134, heads: 3, classToken: false, registers: 0, layerScale: false, mean: MEANS[1], std: STDS[1] }, // prettier-ignore
  ],
  projector: 272,
  language: {
    width: 48,
    depth: 3,
    mlp: 112,
    heads: 4,
    kvHeads: 4,
    headDim: 12,
    vocabulary: 512,
    normEpsilon: 1e-6,
  },
  textVocabulary: 448,
  bins: 256,
  maxTokens: 2025,
  actionDim: 7,
  stateDim: 8,
});

/** What of the golden configuration tests read. */
export interface GoldenJson extends Record<string, unknown> {
  norm_stats: Record<string, { action: { q01: number[]; q99: number[]; mask: boolean[] } }>;
  grad_keys: string[];
}

export const goldenJson = async (): Promise<GoldenJson> =>
  JSON.parse(await readFile(join(GOLDEN_OPENVLA, 'config.json'), 'utf8')) as GoldenJson;

/** The token of a lone space among the golden policy's. */
const EMPTY_ID = 191;

/**
 * A `tokenizer.json` of so many tokens in Llama's manner: special ones, bytes and a space, of which texts are made,
 * and tokens that no text has.
 */
export function tokenizerJson(count = GOLDEN_CONFIG.textVocabulary): string {
  const special = ['<unk>', '<s>', '</s>'];
  const bytes = Array.from({ length: 256 }, (_, byte) => {
    return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
  });
  const tokens = [...special, ...bytes];
  tokens.splice(EMPTY_ID, 0, '▁');
  while (tokens.length < count) tokens.push(`<unused_${tokens.length}>`);
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      ...{ id, content, special: true },
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
      ...{ continuing_subword_prefix: null, end_of_word_suffix: null },
      vocab: Object.fromEntries(tokens.slice(0, count).map((token, id) => [token, id])),
      merges: [],
    },
  });
}
