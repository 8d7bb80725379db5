import type { Command } from '@commander-js/extra-typings';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { evaluationOption, integer, positive, sessionOption } from './sharedOptions.ts';

/** `nalu distill`. */
export function distill(program: Command, context: Context): void {
  const command = program
    .command('distill')
    .description('make a policy that needs one network call a chunk of one that needs several')
    .argument('<bundle>', 'policy to distil; its chunks are what the new one learns to make')
    .requiredOption('--episodes <folder>', 'episodes whose observations it learns from')
    .requiredOption('--out <folder>', 'where the distilled bundle goes')
    .option('--steps <n>', 'optimiser steps', integer(1), 500)
    .option('--batch <n>', 'observations of a step', integer(1), 64)
    .option('--rate <x>', 'largest learning rate', positive, 1e-3)
    .addOption(evaluationOption())
    .option('--evaluate-every <n>', 'steps between evaluations in the simulator', integer(1), 500)
    .option(
      '--attempts <n>',
      'attempts of an evaluation, from random and from zero noise; 0 for none',
      integer(0),
      20,
    )
    .option('--seed <n>', 'of batches and noise', integer(0), 0)
    .option('--resume', 'go on from the checkpoint in --out, with the same options as before')
    .option('--force', 'replace a bundle and a run that are in --out')
    .addOption(sessionOption())
    .addHelpText(
      'after',
      `
Examples:
  nalu demos demos --episodes 150
  nalu distill models/aloha-mini --episodes demos --out one-step
  nalu sim --policy one-step --episodes 200 --json`,
    )
    .action(async (bundle, options) => {
      const { distill } = await import('../training/distill.ts');
      const { out } = context;
      context.end(await distill(bundle, options, { out, interruption: context.interruption }));
    });
  readsOnly(command, { '--force': { without: ['--resume'] } });
}
