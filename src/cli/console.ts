import type { Command } from '@commander-js/extra-typings';
import { print } from '../terminal/output.ts';
import { DEFAULT_PORT, consoleHostOption, consoleOf, consoleTlsOption, portOrAny } from './consoleOptions.ts'; // prettier-ignore
import type { Context } from './context.ts';

/** `nalu console`. */
export function showOnPage(program: Command, context: Context): void {
  program
    .command('console')
    .description('show on a page what a folder holds: episodes, and how a policy learned')
    .argument(
      '[folder]',
      "a folder of episodes, a learner's (nalu learn), or an adaptation's (nalu adapt)",
      'episodes',
    )
    .option(
      '--port <n>',
      'where the page is; a free port where that is taken',
      portOrAny,
      DEFAULT_PORT,
    )
    .addOption(consoleHostOption())
    .addOption(consoleTlsOption())
    .addHelpText(
      'after',
      `
It reads only, and follows what grows. The page beside a robot, or beside a learner that can be paused, is that of
nalu sim --console, nalu learn --console, nalu adapt --console.

Examples:
  nalu console                   the episodes of nalu sim --record episodes
  nalu console runs/adapt        how an adaptation went, or goes`,
    )
    .action(async (folder, { port, ...options }) => {
      const { showFolder } = await import('../adapting/folderConsole.ts');
      const place = await consoleOf({ ...options, console: port }, context);
      const log = (line: string) => print(context.out, line);
      await showFolder(folder, place!, { log, signal: context.interruption() });
      context.end('interrupted');
    });
}
