import { type Command, Option } from '@commander-js/extra-typings';
import { SIZE_NAMES, UNTRAINED_FAMILIES } from '../policy/families/untrainedNames.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import {
  SCENE_RULES,
  calibrationOfDataset,
  evaluationOption,
  integer,
  positive,
  share,
  sceneMapOption,
  sceneOption,
  sessionOption,
} from './sharedOptions.ts';

/** Indices between commas, at least one. */
function layers(text: string): [number, ...number[]] {
  const [first, ...others] = text.split(',').map(integer(0));
  return [first, ...others];
}

const familyOption = () =>
  new Option(
    '--family <name>',
    "of a policy of random weights: pi0 samples a flow, pi0-fast writes a chunk's tokens",
  )
    .choices(UNTRAINED_FAMILIES)
    .default('pi0');

const startShareOption = () =>
  new Option(
    '--start-share <share>',
    "take so many of the observations (0…1) from episodes' starts, where cameras alone tell what to do",
  ).argParser(share);

const stateDropoutOption = () =>
  new Option(
    '--state-dropout <share>',
    'hide the joints in so many of the observations (0…1), so that cameras have to tell what their pose would',
  ).argParser(share);

/** `nalu imitate`. */
export function imitate(program: Command, context: Context): void {
  const command = program
    .command('imitate')
    .description('train a policy on recorded demonstrations (flow matching, or the next token)')
    .argument(
      '<episodes>',
      "folder of episodes, or a data set: lerobot's v3 or v2.1, ACT's HDF5, bags of ROS 2",
    )
    .addOption(calibrationOfDataset())
    .requiredOption('--out <folder>', 'where the trained bundle goes')
    .option('--from <bundle>', 'policy to start from, instead of random weights')
    .addOption(familyOption())
    .addOption(
      new Option('--size <which>', "of a policy of random weights, for the episodes' robot")
        .choices(SIZE_NAMES)
        .default('mini'),
    )
    .addOption(
      new Option('--train <what>', 'what learns')
        .choices(['all', 'expert', 'lora'] as const)
        .default('all'),
    )
    .option('--rank <n>', 'of LoRA adapters', integer(1), 8)
    .option(
      '--layers <list>',
      "the expert's layers that get adapters, as in 0,2,3; all by default",
      layers,
    )
    .option('--steps <n>', 'optimiser steps', integer(1), 6000)
    .option('--batch <n>', 'observations of a step', integer(1), 32)
    .option('--samples <n>', 'flow samples (noise and time) of each observation', integer(1), 2)
    .option('--rate <x>', 'largest learning rate', positive, 2e-3)
    .option(
      '--max-delay <rows>',
      'train it to continue a chunk from up to this many rows already under way, for --join trained (0: none)',
      integer(0),
      0,
    )
    .addOption(startShareOption())
    .addOption(stateDropoutOption())
    .option(
      '--renormalise',
      "with --from: joints' mean and deviation of these demonstrations, instead of the policy's, as another task needs",
    )
    .option('--no-augmentation', 'take images as they are: no crop, turn or colour jitter')
    .addOption(evaluationOption())
    .addOption(sceneOption())
    .addOption(sceneMapOption())
    .option('--evaluate-every <n>', 'steps between evaluations in the simulator', integer(1), 1000)
    .option(
      '--attempts <n>',
      'attempts of an evaluation, from random and from zero noise; 0 for none',
      integer(0),
      20,
    )
    .option('--seed <n>', 'of weights, batches, noise and augmentation', integer(0), 0)
    .option('--resume', 'continue from the checkpoint in --out, with the same options as before')
    .option('--force', 'replace a bundle and a run that are in --out')
    .addOption(sessionOption())
    .action(async (episodes, options) => {
      const { imitate } = await import('../training/imitate.ts');
      const { out } = context;
      context.end(await imitate(episodes, options, { out, interruption: context.interruption }));
    });
  readsOnly(command, {
    '--rank': { with: ['--train lora'] },
    '--layers': { with: ['--train lora'] },
    '--family': { without: ['--from', '--resume'] },
    '--samples': { without: ['--family pi0-fast'] },
    '--max-delay': { without: ['--family pi0-fast'] },
    '--state-dropout': { without: ['--family pi0-fast'] },
    '--train': { without: ['--family pi0-fast'] },
    '--size': { without: ['--from', '--resume'] },
    '--renormalise': { with: ['--from', '--train all'] },
    '--force': { without: ['--resume'] },
    ...SCENE_RULES,
  });
}
