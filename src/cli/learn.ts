import { type Command, Option } from '@commander-js/extra-typings';
import type { OrderFunctions } from '../link/learner/learnerOrders.ts';
import { connect } from '../processes/calls.ts';
import { whenLeftAlone } from '../processes/exits.ts';
import { processPort } from '../processes/serve.ts';
import { CONSOLE_RULES, consoleHostOption, consoleOf, consoleTlsOption, learningConsoleOption } from './consoleOptions.ts'; // prettier-ignore
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { BATCH, SHIPPED_POLICY, integer, jsonOption, methodOption, sessionOption } from './sharedOptions.ts'; // prettier-ignore

/** As a child with a channel to its parent it ends with that one; a kill at any moment loses nothing. */
function endWithParent(): void {
  whenLeftAlone(() => process.exit());
  process.channel?.unref();
}

/** Lets the process that started it, if it left a channel, order what a person wants of the learner. */
function obeyParent(orders: OrderFunctions): void {
  if (!process.channel) return;
  connect(processPort, orders);
  process.channel.unref();
}

/** `nalu learn`. */
export function learn(program: Command, context: Context): void {
  const command = program
    .command('learn')
    .description(
      'the learner beside a runtime: improves its policy from the episodes that it sends',
    )
    .argument('<folder>', 'where episodes, state, versions and curve are kept')
    .option('--policy <folder>', 'policy bundle that the runtime plays', SHIPPED_POLICY)
    .option('--calibration <file>', "the robot's calibration (default: what the policy says of it)")
    .addOption(methodOption())
    .option('--config <file>', 'YAML of the method: what is not in it has its default')
    .option('--batch <n>', BATCH, integer(1))
    .option('--seed <n>', 'of noise, times and order', integer(0), 0)
    .option(
      '--address <address>',
      'ipc:///PATH, tcp://HOST:PORT or nats://NAME@HOST:PORT; by default a socket in the folder',
    )
    .option('--keys <folder>', 'keys of the link, which tcp and nats need (nalu keys makes them)')
    .addOption(
      new Option(
        '--cores <which>',
        'spare: only those that nothing else wants, so as not to slow a policy',
      )
        .choices(['spare', 'shared'] as const)
        .default('spare'),
    )
    .option(
      '--trial',
      'over NATS: a new version goes to one robot first, then to half of them, and back if it is worse',
    )
    .addOption(jsonOption())
    .addOption(sessionOption())
    .addOption(learningConsoleOption())
    .addOption(consoleHostOption())
    .addOption(consoleTlsOption())
    .addHelpText(
      'after',
      `
It may be killed and started again at any time: it continues from its folder, to the same numbers, and
refuses another policy, robot, seed or configuration there. What it makes reaches the robot only if it is
finite, near the version before, not worse on the attempts that it was learned from, and if these did not
all end alike; a version that proves worse on the robot is taken back. Episodes of another task than the
first one's are left out.

Examples:
  nalu learn learning                                            beside the runtime, on the robot
  nalu keys keys && nalu learn learning --address tcp://*:5570 --keys keys   on a workstation`,
    )
    .action(async (folder, options) => {
      endWithParent();
      const { learn } = await import('../link/learner/learn.ts');
      const { METHODS } = await import('../learning/methods.ts');
      const { out, err } = context;
      const console = await consoleOf(options, context);
      const batch = options.batch ?? METHODS[options.method].batch;
      context.end(
        await learn(
          folder,
          { ...options, batch },
          { out, err, signal: context.interruption(), onOpen: obeyParent, console },
        ),
      );
    });
  readsOnly(command, CONSOLE_RULES);
}
