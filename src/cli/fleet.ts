import type { Command } from '@commander-js/extra-typings';
import { UserError } from '../errors.ts';
import type { FleetAct } from '../link/nats/fleet.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { jsonOption } from './sharedOptions.ts';

interface Wishes {
  rollOut?: string;
  pin?: string;
  release?: true;
  rollBack?: string;
  pause?: true;
  resume?: true;
  robot?: string;
}

/** What is ordered; undefined where only the fleet is asked for. Throws a `UserError` for two orders at once. */
function orderIn({ rollOut, pin, release, rollBack, pause, resume, robot }: Wishes) {
  const ofRobot = robot !== undefined && { robot };
  const orders: FleetAct[] = [
    ...(rollOut === undefined ? [] : [{ act: 'rollOut' as const, version: rollOut }]),
    ...(pin === undefined ? [] : [{ act: 'pin' as const, version: pin, ...ofRobot }]),
    ...(release ? [{ act: 'release' as const, ...ofRobot }] : []),
    ...(rollBack === undefined ? [] : [{ act: 'rollBack' as const, version: rollBack }]),
    ...(pause ? [{ act: 'pause' as const }] : []),
    ...(resume ? [{ act: 'resume' as const }] : []),
  ];
  if (orders.length > 1)
    throw new UserError('one order at a time; give one of these options', { kind: 'invalid' });
  if (robot !== undefined && pin === undefined && !release)
    throw new UserError('--robot is read only with --pin or --release', {
      kind: 'invalid',
      subject: '--robot',
      fields: ['--pin', '--release'],
    });
  return orders.at(0);
}

/** `nalu fleet`. */
export function fleet(program: Command, context: Context): void {
  program
    .command('fleet')
    .description('show the robots of a learner over NATS, and say which versions they play')
    .argument('<address>', 'nats://NAME@HOST:PORT')
    .option('--keys <folder>', 'keys that this server knows: those of watcher, or of operator')
    .option('--roll-out <version>', 'end the trial of a version: all robots play it')
    .option('--pin <version>', 'have all robots play a version; updates wait until it is released')
    .option('--release', 'end that')
    .option('--robot <name>', 'with --pin or --release: of this robot alone; updates go on')
    .option('--roll-back <version>', 'go back to a version, and learn on from it')
    .option('--pause', 'begin no further update')
    .option('--resume', 'end that')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
What is shown is what the server keeps: it needs no learner that runs. Who is there is listened for, for two
and a half seconds. Intervals are of 95 % (Wilson). An order is kept on the server, with those before it, until
a learner has carried it out.

Examples:
  nalu fleet nats://watcher@10.0.0.5:4222 --keys fleet/watcher
  nalu fleet nats://operator@10.0.0.5:4222 --keys fleet/operator --pin 5b21c07f3a9e --robot cell-2`,
    )
    .action(async (address, { keys, json, ...wishes }) => {
      const order = orderIn(wishes);
      const { showFleet } = await import('../link/nats/fleetCommand.ts');
      for (const line of await showFleet({ address, keys, order, isJson: json ?? false }))
        print(context.out, line);
    });
}
