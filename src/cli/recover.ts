import type { Command } from '@commander-js/extra-typings';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';

/** `nalu recover`. */
export function recover(program: Command, context: Context): void {
  program
    .command('recover')
    .description(
      'make readable what a killed process had recorded of an episode, or what is damaged',
    )
    .argument('<files...>', 'unfinished (*.mcap.partial) or damaged (*.mcap) episodes')
    .action(async (files) => {
      const { recoverEpisodes } = await import('../episodes/recoverEpisodes.ts');
      await recoverEpisodes(files, (line) => print(context.out, line));
    });
}
