import type { Command } from '@commander-js/extra-typings';
import type { Context } from './context.ts';
import { SHIPPED_POLICY, integer, taskOption } from './sharedOptions.ts';

/** `nalu classifier`. */
export function classifier(program: Command, context: Context): void {
  program
    .command('classifier')
    .description('train a model that tells success from a camera, on the simulated ALOHA')
    .addOption(taskOption())
    .requiredOption('--out <folder>', 'where the model and its settings go')
    .option('--policy <folder>', 'policy bundle whose attempts it learns from', SHIPPED_POLICY)
    .option(
      '--episodes <n>',
      'attempts to learn from; a quarter as many more are held out',
      integer(4),
      160,
    )
    .option('--steps <n>', 'optimiser steps', integer(1), 1200)
    .option('--seed <n>', 'of the first weights and the order of frames', integer(0), 0)
    .option('--force', 'replace a classifier that is in --out')
    .addHelpText(
      'after',
      `
It sees what cam_high shows, every tenth control step, of attempts by the policy and, one in four, by the
scripted expert; the simulator's rule says which frames show success.

Examples:
  nalu classifier --out my-classifier
  nalu sim --episodes 20 --success-classifier my-classifier/classifier.yaml`,
    )
    .action(async (options) => {
      const { trainClassifier } = await import('../training/classifier.ts');
      const { out } = context;
      context.end(await trainClassifier(options, { out, interruption: context.interruption }));
    });
}
