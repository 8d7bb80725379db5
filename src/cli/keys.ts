import { join } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { UserError } from '../errors.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';

/** `nalu keys`. */
export function keys(program: Command, context: Context): void {
  program
    .command('keys')
    .description(
      'make the keys with which a robot and a learner on another machine know each other',
    )
    .argument('<folder>', 'where the keys go; made if absent')
    .option('--nats', 'of a NATS server between many robots and one learner: its configuration')
    .option('--robot <names...>', 'with --nats: robots to make keys for, or to add')
    .addHelpText(
      'after',
      `
On one machine robot and learner meet at a socket's file and need no keys. Over TCP both must prove who
they are, and what they send is encrypted:

  learner.key  runtime.key    secret: whoever has runtime.key can send episodes, whoever has learner.key
                              can send a policy to the robot. No one but their owner can read them.
  learner.pub  runtime.pub    public: how each side knows the other

Copy runtime.key, runtime.pub and learner.pub to the robot; leave learner.key, learner.pub and
runtime.pub with the learner; remove each secret key where it is not needed. For a second robot put its
public key beside the first one's, under any name that ends in .pub. Keys that are there are never
overwritten: to exchange them, make new ones in an empty folder.

With --nats each robot, the learner and a watcher get a folder with a key of their own, and the server a
configuration, server.conf, by which a robot can speak only as itself and read only its policy, and a
watcher can only watch. The same command adds robots to a folder (send the server a SIGHUP then).

Examples:
  nalu keys keys
  scp -p keys/runtime.key keys/runtime.pub keys/learner.pub robot:nalu/keys/
  nalu keys fleet --nats --robot cell-1 cell-2 && nats-server --config fleet/server.conf`,
    )
    .action(async (folder, { nats, robot }) => {
      if (robot && !nats)
        throw new UserError('--robot names robots of a NATS server; give --nats too', {
          kind: 'unsaid',
          subject: '--robot',
          fields: ['--nats'],
        });
      const make = async () => {
        if (nats) return (await import('../link/nats/keys.ts')).makeNatsKeys(folder, robot ?? []);
        return (await import('../link/wire/keys.ts')).makeKeys(folder);
      };
      for (const file of await make()) print(context.out, join(folder, file));
    });
}
