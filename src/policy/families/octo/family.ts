import { join } from 'node:path';
import { readShardedHeader } from '../../../tensors/shards.ts';
import { WEIGHTS_FILE } from '../../bundle/bundleFiles.ts';
import type { PolicyFamily } from '../../family.ts';
import { modelOnWeights } from '../../paligemma/openOnWeights.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { checkStored } from '../../paligemma/weights.ts';
import { type OctoConfig, octoConfigSchema } from './config.ts';
import { sampleGraph, weightShapes } from './graphs.ts';
import { instructionInput } from './instruction.ts';
import { openOcto } from './sampler.ts';
import { goldenInputs, runStages, stagesOf } from './stages.ts';

/** Octo: a transformer over images and an instruction, with a diffusion of chunks (arXiv 2405.12213). */
export const octo: PolicyFamily<OctoConfig> = {
  name: 'octo',
  architecture: octoConfigSchema,
  faults: ({ images }, cameras) =>
    images.length === cameras.length
      ? []
      : [`has ${images.length} images (${images.map(({ name }) => name).join(', ')}), and cameras lists ${cameras.length}`], // prettier-ignore
  shape: ({ horizon, actionDim, stateDim, images }) => ({
    horizon,
    actionDim,
    stateDim,
    images: images.map(({ imageSize: side }) => ({ width: side, height: side, fit: 'stretched' })),
  }),
  joins: [],
  files: [TOKENIZER_FILE],
  spared: ({ language }) => (language?.encoder ? [] : [TOKENIZER_FILE]),
  async samplingModel({ folder, architecture }) {
    return (await modelOnWeights(folder, (weights) => sampleGraph(architecture, weights))).model;
  },
  async weights(folder) {
    const header = await readShardedHeader(join(folder, WEIGHTS_FILE));
    return { files: header.files, header };
  },
  async check(folder, { architecture }, { header }) {
    if (architecture.language?.encoder) await instructionInput({ folder, architecture });
    return checkStored(join(folder, WEIGHTS_FILE), header!, weightShapes(architecture));
  },
  open: openOcto,
  golden: { names: stagesOf, inputs: goldenInputs, run: runStages },
};
