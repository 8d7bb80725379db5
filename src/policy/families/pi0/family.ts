import { join } from 'node:path';
import { readShardedHeader } from '../../../tensors/shards.ts';
import { WEIGHTS_FILE } from '../../bundle/bundleFiles.ts';
import type { PolicyFamily } from '../../family.ts';
import { SAMPLED_JOINS } from '../../joinKinds.ts';
import { type Pi0Config, pi0ConfigSchema } from './config.ts';
import { featureCount } from './graphs.ts';
import { learnablePi0 } from './learnable.ts';
import { samplingModel } from './sampleGraphs.ts';
import { openPi0 } from './sampler.ts';
import { STAGES, goldenInputs, runStages } from './stages.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { checkStored } from '../../paligemma/weights.ts';
import { weightShapes } from './weights.ts';

/** π0 and π0.5: flow-matching policies on a vision-language model (arXiv 2410.24164, 2504.16054). */
export const pi0: PolicyFamily<Pi0Config> = {
  name: 'pi0',
  architecture: pi0ConfigSchema,
  shape: ({ horizon, actionDim, stateDim, vision: { imageSize: side } }, cameras) => ({
    horizon,
    actionDim,
    stateDim,
    images: cameras.map(() => ({ width: side, height: side })),
  }),
  joins: SAMPLED_JOINS,
  features: featureCount,
  files: [TOKENIZER_FILE],
  samplingModel: (bundle) => samplingModel(bundle),
  async weights(folder) {
    const header = await readShardedHeader(join(folder, WEIGHTS_FILE));
    return { files: header.files, header };
  },
  check: (folder, { architecture }, { header }) =>
    Promise.resolve(checkStored(join(folder, WEIGHTS_FILE), header!, weightShapes(architecture))),
  open: openPi0,
  golden: { names: () => STAGES, inputs: goldenInputs, run: runStages },
  learnable: learnablePi0,
};
