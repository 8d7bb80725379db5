import type { Command } from '@commander-js/extra-typings';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { calibrationOfDataset, integer } from './sharedOptions.ts';

/** `nalu import-data`. */
export function importData(program: Command, context: Context): void {
  program
    .command('import-data')
    .description(
      "make episodes of another project's data set: lerobot's v3 or v2.1, ACT's HDF5, bags of ROS 2",
    )
    .argument('<folder>', 'the data set, or one bag')
    .requiredOption('--out <folder>', 'where the episodes go')
    .addOption(calibrationOfDataset())
    .option(
      '--every <n>',
      'rows from one observation (pictures and joints) to the next; a data set of nalu export has its own',
      integer(1),
      10,
    )
    .action(async (folder, options) => {
      const { importDataset } = await import('../datasets/importDataset.ts');
      const { out, err } = context;
      const signal = context.interruption();
      const ending = await importDataset(folder, options, { out, signal });
      if (ending === 'interrupted') print(err, 'nalu: stopped by hand; the same command continues');
      context.end(ending);
    });
}
