import { join } from 'node:path';
import { readShardedHeader } from '../../../tensors/shards.ts';
import { WEIGHTS_FILE } from '../../bundle/bundleFiles.ts';
import type { PolicyFamily } from '../../family.ts';
import { modelOnWeights } from '../../paligemma/openOnWeights.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { checkStored } from '../../paligemma/weights.ts';
import { HORIZON, type OpenVlaConfig, openVlaConfigSchema } from './config.ts';
import { sampleGraph, weightShapes } from './graphs.ts';
import { openOpenVla } from './sampler.ts';
import { STAGES, goldenInputs, runStages } from './stages.ts';
import { checkTokenizer } from './tokenizer.ts';

const BYTE = 255;

/** How images come to the policy's size; a letterbox has the mean colour of the second tower. */
const fitOf = ({ resize, towers: [, { mean }] }: OpenVlaConfig) =>
  resize === 'naive'
    ? 'stretched'
    : { surrounded: mean.map((share) => Math.trunc(BYTE * share)) as [number, number, number] };

/** OpenVLA: a vision-language model that writes one action as tokens, a number each (arXiv 2406.09246). */
export const openVla: PolicyFamily<OpenVlaConfig> = {
  name: 'openvla',
  architecture: openVlaConfigSchema,
  faults: (_, cameras) =>
    cameras.length === 1 ? [] : [`reads one camera, and cameras lists ${cameras.length}`],
  shape: (config, cameras) => ({
    horizon: HORIZON,
    actionDim: config.actionDim,
    stateDim: config.stateDim,
    images: cameras.map(() => ({
      width: config.imageSize,
      height: config.imageSize,
      fit: fitOf(config),
    })),
  }),
  joins: [],
  ignoresNoise: () => true,
  files: [TOKENIZER_FILE],
  samplingModel: async ({ folder, architecture }) =>
    (await modelOnWeights(folder, (weights) => sampleGraph(architecture, weights))).model,
  async weights(folder) {
    const header = await readShardedHeader(join(folder, WEIGHTS_FILE));
    return { files: header.files, header };
  },
  async check(folder, { architecture }, { header }) {
    await checkTokenizer(folder, architecture);
    return checkStored(join(folder, WEIGHTS_FILE), header!, weightShapes(architecture));
  },
  open: openOpenVla,
  golden: { names: () => STAGES, inputs: goldenInputs, run: runStages },
};
