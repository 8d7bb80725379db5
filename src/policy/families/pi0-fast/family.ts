import { join } from 'node:path';
import type { WeightSource } from '../../paligemma/network.ts';
import { readShardedHeader } from '../../../tensors/shards.ts';
import { WEIGHTS_FILE } from '../../bundle/bundleFiles.ts';
import type { PolicyFamily } from '../../family.ts';
import { modelOnWeights } from '../../paligemma/openOnWeights.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { checkStored } from '../../paligemma/weights.ts';
import { ACTION_TOKENIZER_FILE, checkTokenizers, loadTokenizers } from './bundleTokenizers.ts';
import { type FastConfig, fastConfigSchema } from './config.ts';
import { sampleGraph, weightShapes } from './graphs.ts';
import { openFast } from './sampler.ts';
import { spellingOf } from './spelling.ts';
import { STAGES, goldenInputs, runStages } from './stages.ts';
import { taughtFast } from './taught.ts';
import { writerFast } from './writer.ts';

/** π0-FAST: a vision-language model that writes chunks as tokens, one after the other (arXiv 2501.09747). */
export const pi0Fast: PolicyFamily<FastConfig> = {
  name: 'pi0-fast',
  architecture: fastConfigSchema,
  shape: ({ horizon, actionDim, stateDim, vision: { imageSize: side } }, cameras) => ({
    horizon,
    actionDim,
    stateDim,
    images: cameras.map(() => ({ width: side, height: side })),
  }),
  joins: [],
  ignoresNoise: ({ temperature }) => temperature === 0,
  files: [TOKENIZER_FILE, ACTION_TOKENIZER_FILE],
  async samplingModel({ folder, architecture }) {
    const { marks, pairs } = await loadTokenizers(folder, architecture);
    const spelling = spellingOf(pairs, architecture, marks);
    const build = (weights: WeightSource) =>
      sampleGraph(architecture, weights, 'bytes', marks, { spelling });
    return (await modelOnWeights(folder, build)).model;
  },
  async weights(folder) {
    const header = await readShardedHeader(join(folder, WEIGHTS_FILE));
    return { files: header.files, header };
  },
  async check(folder, { architecture }, { header }) {
    await checkTokenizers(folder, architecture);
    return checkStored(join(folder, WEIGHTS_FILE), header!, weightShapes(architecture));
  },
  open: openFast,
  golden: { names: () => STAGES, inputs: goldenInputs, run: runStages },
  taught: taughtFast,
  writer: writerFast,
};
