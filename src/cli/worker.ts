import type { Command } from '@commander-js/extra-typings';
import type { Context } from './context.ts';
import { integer } from './sharedOptions.ts';

/** `nalu worker`. */
export function worker(program: Command, context: Context): void {
  program
    .command('worker')
    .description('make attempts for nalu adapt --workers, on this machine and any number of others')
    .argument('<address>', 'nats://HOST:PORT of a NATS server with JetStream')
    .option('--keys <folder>', 'keys that this server knows')
    .option('--processes <n>', 'attempts at the same time', integer(1), 2)
    .addHelpText(
      'after',
      `
It fetches policies from the server and needs no disk in common with anybody. Workers may come, be killed and
return at any time: what one had begun is made by another. Results are the same however many there are. It runs
until it is stopped.

Examples:
  nalu worker nats://10.0.0.5:4222 --processes 8
  nalu adapt run --workers nats://10.0.0.5:4222`,
    )
    .action(async (address, options) => {
      const { work } = await import('../rollouts/workers/work.ts');
      const { out } = context;
      await work({ address, ...options }, { out, signal: context.interruption() });
      context.end('interrupted');
    });
}
