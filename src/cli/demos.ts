import type { Command } from '@commander-js/extra-typings';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { SCENE_RULES, integer, sceneMapOption, sceneOption, taskOption } from './sharedOptions.ts';

/** `nalu demos`. */
export function demos(program: Command, context: Context): void {
  const command = program
    .command('demos')
    .description('record demonstrations by the scripted expert, in several processes')
    .argument('<folder>', 'where the episodes go, as TASK-SEED.mcap')
    .addOption(taskOption())
    .option('--episodes <n>', 'demonstrations that the folder is to hold', integer(1), 100)
    .option('--seed <n>', 'seed of the first one; the next ones count up from it', integer(0), 0)
    .option('--processes <n>', 'processes that record; by default one per CPU core', integer(1))
    .option(
      '--every <n>',
      'control steps between recorded observations (images and joints), at most 48',
      integer(1),
      10,
    )
    .option(
      '--vary <file>',
      "YAML of the most by which each attempt's robot differs, at random, as in adapt --gap",
    )
    .addOption(sceneOption())
    .addOption(sceneMapOption())
    .addHelpText(
      'after',
      `
An attempt that fails is kept with the outcome failure; training leaves it out. The same command again
continues: it records only the seeds whose episode is not there.

Examples:
  nalu demos demos                                        a hundred of transfer cube
  nalu demos demos --episodes 500                         four hundred more beside them
  nalu demos pegs --task insertion --every 5              the other task, observed twice as often
  nalu demos held-out --episodes 20 --seed 900000         seeds that no training has seen
  nalu imitate demos --out my-policy                      learn from them`,
    )
    .action(async (folder, options) => {
      const { recordDemonstrations } = await import('../rollouts/demos.ts');
      const { out, err } = context;
      const ending = await recordDemonstrations(folder, options, {
        out,
        signal: context.interruption(),
      });
      if (ending === 'interrupted')
        print(
          err,
          'nalu: stopped by hand; attempts that ran were not kept. The same command continues',
        );
      context.end(ending);
    });
  readsOnly(command, SCENE_RULES);
}
