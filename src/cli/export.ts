import { type Command, Option } from '@commander-js/extra-typings';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';

/** `nalu export`. */
export function exportEpisodes(program: Command, context: Context): void {
  program
    .command('export')
    .description("write episodes as a data set in another project's format")
    .argument('<episodes...>', 'folder of episodes, or their files')
    .addOption(
      new Option('--format <name>', 'lerobot: its data set v3')
        .choices(['lerobot'] as const)
        .default('lerobot' as const),
    )
    .requiredOption('--out <folder>', 'where the data set goes')
    .option('--video', 'keep pictures as videos, H.264, instead of without loss')
    .action(async (episodes, options) => {
      const { exportDataset } = await import('../datasets/exportDataset.ts');
      const { out, err } = context;
      const ending = await exportDataset(episodes, options, {
        out,
        signal: context.interruption(),
      });
      if (ending === 'interrupted') print(err, 'nalu: stopped by hand; nothing was written');
      context.end(ending);
    });
}
