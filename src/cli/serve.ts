import { type Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_JOIN, JOIN_CHOICES } from '../policy/joinKinds.ts';
import type { Context } from './context.ts';
import { SHIPPED_POLICY, apiKeyOption, integer, port, sessionOption, solverOption, stepsOption, timesOption } from './sharedOptions.ts'; // prettier-ignore

/** `nalu serve`. */
export function serve(program: Command, context: Context): void {
  program
    .command('serve')
    .description("serve a policy by openpi's websocket protocol: to openpi's clients, and Nalu's")
    .argument('[bundle]', 'policy bundle to serve', SHIPPED_POLICY)
    .option('--host <address>', 'address to listen at; by default this machine alone', '127.0.0.1')
    .option('--port <n>', 'port to listen at', port, 8000)
    .addOption(apiKeyOption('what clients must send as their key'))
    .option('--prompt <text>', 'prompt of observations that come without one')
    .addOption(
      new Option(
        '--join <how>',
        'how a chunk is drawn towards the one in play, for a client that sends it, as in nalu sim',
      )
        .choices(JOIN_CHOICES)
        .default(DEFAULT_JOIN),
    )
    .option('--seed <n>', 'seed of the first chunk whose noise is not given', integer(0), 0)
    .addOption(stepsOption())
    .addOption(solverOption())
    .addOption(timesOption())
    .addOption(sessionOption())
    .addHelpText(
      'after',
      `
openpi-client, and every program built on it, works as it does with openpi's own server. GET /healthz
answers OK. docs/serving.md says what observations hold and what is answered.

Examples:
  nalu serve                                        the shipped policy, to this machine
  nalu serve my-policy --prompt "Transfer cube"     to clients that send no prompt
  NALU_API_KEY=… nalu serve --host 0.0.0.0          to the net, with a key
  nalu sim --policy ws://127.0.0.1:8000             the simulated robot, its policy served`,
    )
    .action(async (folder, options) => {
      const { servePolicy } = await import('../openpi/servePolicy.ts');
      const { out, err } = context;
      const signal = context.interruption();
      await servePolicy(folder, options, { out, err, signal });
      context.end('interrupted');
    });
}
