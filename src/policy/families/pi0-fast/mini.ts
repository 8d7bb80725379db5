import { ALOHA_CAMERAS } from '../../../robot/aloha.ts';
import { MINI_PALIGEMMA } from '../../paligemma/mini.ts';
import { TINY_VOCABULARY } from '../../paligemma/tokenizer.ts';
import type { SizedConfig } from '../../size.ts';
import type { FastConfig } from './config.ts';

/** A π0-FAST of about two million parameters: it learns and samples on a CPU. `fittedFast` sets what chunks decide. */
export const MINI: SizedConfig<FastConfig> = {
  format: 1,
  embodiment: 'aloha',
  cameras: [...ALOHA_CAMERAS],
  executeSteps: 40,
  family: 'pi0-fast',
  architecture: {
    layout: 'lerobot',
    ...MINI_PALIGEMMA,
    language: { ...MINI_PALIGEMMA.language, vocabulary: TINY_VOCABULARY + 1024 },
    black: [],
    tiedHead: true,
    maxTokens: 128,
    maxActionTokens: 128,
    horizon: 50,
    actionDim: 14,
    stateDim: 14,
    temperature: 0,
    // A chunk that ends early still moves all joints.
    decoding: 'relaxed',
    // With its smallest coefficient at U+0000, as the published tokenizer has it, zero and its neighbours are letters:
    // all of a chunk is one word, across which pairs are joined.
    fast: { scale: 10, minToken: -354, vocabulary: 1024, skip: 0 },
  },
};
