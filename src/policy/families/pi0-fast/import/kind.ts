import { UserError } from '../../../../errors.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import { type Embodied, actionsOf } from '../../../checkpoints/embodiments.ts';
import type { CheckpointKind } from '../../../checkpoints/kind.ts';
import { PALIGEMMA } from '../../../paligemma/tokenizer.ts';
import { ACTION_TOKENIZER_FILE } from '../bundleTokenizers.ts';
import type { FastConfig } from '../config.ts';
import { sampleGraph, weightShapes } from '../graphs.ts';
import { readActionTokenizer } from './actionTokenizer.ts';
import { dimensionsOf } from './dimensions.ts';

/** What stands for tokens that no weight depends on. */
const NO_MARKS = { lead: [0], ends: [0] };

/** Numbers of an action that a checkpoint was trained for. Throws a `UserError` for fewer than the robot's. */
function actionDimOf({ config, configPath }: Checkpoint, robot: Embodied): number {
  const own = actionsOf(robot).length;
  const trained = config.output_features?.action?.shape?.[0] ?? config.action_dim ?? own;
  if (trained < own)
    throw new UserError(
      `${configPath}: actions of ${trained} numbers, ${robot.name} has ${own}; take a policy that was trained on this robot`,
      { kind: 'mismatch', subject: configPath, fields: ['actions'] },
    );
  return trained;
}

/** Where openpi shows π0-FAST a black image, which it does not mask, for a camera that a robot with one arm lacks. */
function blackOf({ layout }: FastConfig, { absent, name }: Embodied): number[] {
  if (layout !== 'openpi' || absent.length === 0) return [];
  return [name === 'droid' ? 1 : 2];
}

/** How published checkpoints of π0-FAST are read. */
export const fastCheckpoints: CheckpointKind<FastConfig> = {
  name: 'pi0-fast',
  title: 'π0-FAST',
  reads: { pi0_fast: 'QUANTILES' },
  tokenizer: PALIGEMMA,
  dimensions: async (checkpoint, _, { actionTokenizer }) =>
    dimensionsOf(checkpoint, await readActionTokenizer(checkpoint.folder, actionTokenizer)),
  shapes: weightShapes,
  unused: ({ tiedHead }) => [/position_ids$/, ...(tiedHead ? [/lm_head\.weight$/] : [])],
  graph: (architecture, source) => sampleGraph(architecture, source, 'bytes', NO_MARKS),
  async complete(checkpoint, _, dimensions, robot, { actionTokenizer, stateInPrompt, steps }) {
    if (stateInPrompt !== undefined || steps !== undefined)
      throw new UserError(
        `${checkpoint.folder} is a π0-FAST, which reads the state in its prompt and has no flow; leave ${steps === undefined ? `--${stateInPrompt ? '' : 'no-'}state-in-prompt` : '--steps'} out`,
        {
          kind: 'unsupported',
          subject: checkpoint.folder,
          fields: [steps === undefined ? '--state-in-prompt' : '--steps'],
        },
      );
    const { path, text } = await readActionTokenizer(checkpoint.folder, actionTokenizer);
    return {
      architecture: {
        ...dimensions,
        actionDim: actionDimOf(checkpoint, robot),
        stateDim: robot.joints.length,
        black: blackOf(dimensions, robot),
      },
      files: { [ACTION_TOKENIZER_FILE]: { path, text } },
    };
  },
  sizes: ({ horizon, language }) => ({ horizon, vocabulary: language.vocabulary }),
  sampling: ({ architecture: fast, executeSteps }) =>
    `chunks of ${fast.horizon} rows in ${fast.maxActionTokens} tokens at most (${fast.temperature === 0 ? 'the likeliest' : `temperature ${fast.temperature}`}, as ${fast.layout} has them), ${executeSteps} rows played; images ${fast.vision.imageSize} × ${fast.vision.imageSize}; prompts of ${fast.maxTokens} tokens at most`,
};
