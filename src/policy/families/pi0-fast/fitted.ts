import { TINY_VOCABULARY } from '../../paligemma/tokenizer.ts';
import { ACTION_TOKENIZER_FILE } from './bundleTokenizers.ts';
import type { FastConfig } from './config.ts';
import { bytePairs } from './fast/bytePairs.ts';
import { quantised, textOf } from './fast/codec.ts';
import { fitPairs } from './fast/fitPairs.ts';
import { ACTION, END } from './layout.ts';

/** Chunks that pairs are counted in, spread over all. */
const MOST_CHUNKS = 4000;

/** Tokens for one of a chunk, beyond the longest that was demonstrated. */
const ROOM = 1.25;

/**
 * Fits an action tokenizer to chunks [horizon, actionDim], normalised, and the sizes that depend on it. Gives the
 * tokenizer as the bundle's file.
 */
export function fittedFast(
  config: FastConfig,
  chunks: readonly Float32Array[],
): { architecture: FastConfig; files: Record<string, string> } {
  const { actionDim, fast } = config;
  const texts = chunks.map((chunk) =>
    textOf(quantised(chunk, actionDim, fast.scale), fast.minToken),
  );
  const stride = Math.ceil(texts.length / MOST_CHUNKS);
  const counted = texts.filter((_, i) => i % stride === 0);
  const json = fitPairs(counted, fast.vocabulary);
  const pairs = bytePairs(json, ACTION_TOKENIZER_FILE);
  const longest = texts.reduce((most, text) => Math.max(most, pairs.encode(text).length), 0);
  // With the text's tokenizer of bytes, a token each.
  const around = ACTION.length + END.length;
  return {
    architecture: {
      ...config,
      maxActionTokens: Math.ceil(ROOM * longest) + around,
      language: { ...config.language, vocabulary: TINY_VOCABULARY + pairs.size },
      fast: { ...fast, vocabulary: pairs.size },
    },
    files: { [ACTION_TOKENIZER_FILE]: json },
  };
}
