import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { readShardedHeader } from '../../../tensors/shards.ts';
import { WEIGHTS_FILE } from '../../bundle/bundleFiles.ts';
import type { PolicyFamily } from '../../family.ts';
import { SAMPLED_JOINS } from '../../joinKinds.ts';
import { type Pi0Config, pi0ConfigSchema } from './config.ts';
import { learnablePi0 } from './learnable.ts';
import { findPacked } from '../../paligemma/packedWeights.ts';
import { samplingModel } from './sampleGraphs.ts';
import { openPi0 } from './sampler.ts';
import { STAGES, goldenInputs, runStages } from './stages.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { weightFault } from '../../paligemma/weights.ts';
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
  files: [TOKENIZER_FILE],
  samplingModel: (bundle) => samplingModel(bundle),
  async weights(folder) {
    const header = await readShardedHeader(join(folder, WEIGHTS_FILE));
    return { files: header.files, header };
  },
  check(folder, { architecture }, { header }) {
    const path = join(folder, WEIGHTS_FILE);
    const shapes = [...weightShapes(architecture)];
    const faults = shapes.flatMap(([name, shape]) => weightFault(header!, name, shape) ?? []);
    if (faults.length > 0)
      throw new UserError(
        `${path} does not fit its policy.json:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
      );
    const isPacked = shapes.some(([name]) => findPacked(header!, name) !== undefined);
    return Promise.resolve({ isPacked });
  },
  open: openPi0,
  golden: { names: () => STAGES, inputs: goldenInputs, run: runStages },
  learnable: learnablePi0,
};
