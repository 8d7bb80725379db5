import { type Command, Option } from '@commander-js/extra-typings';
import type { MethodName } from '../learning/methodNames.ts';
import type { ServedLearning } from '../openpi/servePolicy.ts';
import { readYaml } from '../validate.ts';
import { DEFAULT_JOIN, JOIN_CHOICES } from '../policy/joinKinds.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { SHIPPED_POLICY, apiKeyOption, integer, methodOption, port, sessionOption, solverOption, stepsOption, timesOption } from './sharedOptions.ts'; // prettier-ignore

interface LearnerOptions {
  learner?: string;
  keys?: string;
  record?: string;
  method: MethodName;
  config?: string;
  exploration?: string;
}

/** The learner that the options name, if any. */
async function learningOf(options: LearnerOptions): Promise<ServedLearning | undefined> {
  const { learner, keys, record, method, config, exploration: file } = options;
  if (learner === undefined || record === undefined) return undefined;
  const { demandLearnable, explorationOf, trainableOf } = await import('../learning/methods.ts');
  const { openLearnerLink } = await import('../link/robot/learnerLink.ts');
  const trainable = await trainableOf(method, config);
  const read = file === undefined ? {} : await readYaml(file);
  return {
    trainable,
    exploration: explorationOf(method, read, file ?? method),
    link(bundle, policy, log) {
      demandLearnable(method, bundle);
      return openLearnerLink(bundle, policy, { learner, keys, record, trainable }, log);
    },
  };
}

/** `nalu serve`. */
export function serve(program: Command, context: Context): void {
  const command = program
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
    .option(
      '--execute <n>',
      "rows of a chunk that clients play where they do not say it, instead of the bundle's",
      integer(1),
    )
    .option('--record <folder>', "keep the clients' attempts as episodes; they say when one ends")
    .option('--learner <address>', "a learner's address: the policy learns from the episodes")
    .option('--keys <folder>', 'keys of the link to the learner, which tcp needs')
    .addOption(methodOption())
    .option('--config <file>', "YAML of the method, the learner's")
    .option('--exploration <file>', 'YAML of how attempts explore that are learned from')
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
  nalu serve libero --execute 5 --record episodes --learner ipc:///home/me/learning/link
                                                    beside nalu learn learning --policy libero
  nalu sim --policy ws://127.0.0.1:8000             the simulated robot, its policy served`,
    )
    .action(async (folder, options) => {
      const { servePolicy } = await import('../openpi/servePolicy.ts');
      const { out, err } = context;
      const signal = context.interruption();
      const learning = await learningOf(options);
      await servePolicy(folder, { ...options, learning }, { out, err, signal });
      context.end('interrupted');
    });
  readsOnly(command, {
    '--learner': { with: ['--record'] },
    '--keys': { with: ['--learner'] },
    '--method': { with: ['--learner'] },
    '--config': { with: ['--learner'] },
    '--exploration': { with: ['--learner'] },
  });
}
