import type { PaliGemmaConfig } from './config.ts';
import { TINY_VOCABULARY } from './tokenizer.ts';

/** A PaliGemma that learns and samples on a CPU, in policies of about two million parameters. */
export const MINI_PALIGEMMA = {
  vision: { width: 128, depth: 4, mlp: 512, heads: 4, patch: 32, imageSize: 96 },
  language: {
    width: 128,
    depth: 4,
    mlp: 256,
    heads: 4,
    kvHeads: 1,
    headDim: 32,
    vocabulary: TINY_VOCABULARY,
  },
} satisfies Pick<PaliGemmaConfig, 'vision' | 'language'>;
