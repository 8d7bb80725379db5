import { type Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_JOIN, JOIN_CHOICES } from '../policy/joinKinds.ts';
import type { SimOptions } from '../rollouts/simulate.ts';
import type { SceneSnapshot } from '../sim/snapshot.ts';
import { DEFAULT_TASK } from '../sim/taskNames.ts';
import { checkOutputFile } from '../files/outputFile.ts';
import { print } from '../terminal/output.ts';
import { CONSOLE_RULES, type ConsoleGiven, consoleHostOption, consoleOf, consoleOption, consoleTlsOption } from './consoleOptions.ts'; // prettier-ignore
import type { Context } from './context.ts';
import { type Rules, readsOnly } from './rules.ts';
import {
  SCENE_RULES,
  SHIPPED_POLICY,
  apiKeyOption,
  delayOption,
  groups,
  integer,
  jsonOption,
  port,
  sceneMapOption,
  policyTaskOption,
  sceneOption,
  sessionOption,
  solverOption,
  stepsOption,
  timesOption,
} from './sharedOptions.ts';

const SAMPLED = ['--join exact', '--join approximate', '--join trained'];

/** What is not read by --snapshot, which makes no attempt. */
const NOT_SHOWN = [
  ...[
    '--policy',
    '--api-key',
    '--expert',
    '--episodes',
    '--zero-noise',
    '--join',
    '--delay',
    '--execute',
  ],
  ...['--steps', '--solver', '--times'],
  ...['--real-time', '--watch', '--record', '--json', '--success-classifier', '--session'],
  ...['--metrics-port', '--metrics-host', '--console'],
];

/** When options are read that are not always read. */
const RULES: Rules = {
  '--policy': { without: ['--expert'] },
  '--api-key': { without: ['--expert'] },
  '--zero-noise': { without: ['--expert'] },
  '--execute': { without: ['--expert'] },
  '--steps': { without: ['--expert'] },
  '--solver': { without: ['--expert'] },
  '--times': { without: ['--expert'] },
  '--session': { without: ['--expert'] },
  '--expert': { without: SAMPLED },
  '--watch': { without: ['--json'] },
  '--metrics-host': { with: ['--metrics-port'] },
  '--snapshot': { without: NOT_SHOWN },
  '--force': { with: ['--snapshot'] },
  '--adapters': { with: ['--console'] },
  '--console': {
    without: [
      '--expert',
      '--episodes',
      '--json',
      '--watch',
      '--success-classifier',
      '--metrics-port',
    ],
  },
  ...CONSOLE_RULES,
  ...SCENE_RULES,
};

const EXAMPLES = `
Examples:
  nalu sim --snapshot scene.png                 what the cameras see
  nalu sim --watch                              see the shipped policy at work
  nalu sim --expert --episodes 20               how the scripted expert does
  nalu sim --episodes 200 --seed 1000 --json    success rate of the shipped policy, for a script
  nalu sim --steps 4 --episodes 20              chunks by four network calls
  nalu sim --record episodes                    keep the attempt; Foxglove opens it
  nalu sim --scene gym_aloha/assets/bimanual_viperx_transfer_cube.xml --expert
                                                gym-aloha's scene as it is published
  nalu sim --scene robosuite.xml --draw-groups 1 --snapshot scene.png
                                                another scene, without its collision shapes
  nalu sim --episodes 20 --json --success-classifier models/success-transfer-cube/classifier.yaml
                                                its verdict, and as "simulator" that of the rule
  nalu sim --console                            operate the simulated robot from a page
  nalu sim --console --adapters runs/adapt --record episodes
                                                compare versions that were learned, blind
  nalu sim --real-time --episodes 20 --metrics-port 9464
                                                how late ticks are; curl localhost:9464/metrics`;

/** Writes what the cameras see. */
async function picture(
  file: string,
  options: Omit<SceneSnapshot, 'task'> & Pick<SimOptions, 'task'> & { force?: boolean },
  { out }: Context,
): Promise<void> {
  const { formatOf, snapshotScene } = await import('../sim/snapshot.ts');
  formatOf(file);
  await checkOutputFile(file, options.force ?? false);
  const cameras = await snapshotScene(file, { ...options, task: options.task ?? DEFAULT_TASK });
  print(out, `${file}: ${cameras.join(', ')}`);
}

/** Makes attempts until they are done or somebody stops them. */
async function attempts(
  options: Omit<SimOptions, 'console'> & ConsoleGiven,
  context: Context,
): Promise<void> {
  const { out, err } = context;
  const { simulate } = await import('../rollouts/simulate.ts');
  const interrupted = context.interruption();
  // Unless it keeps the attempts, its output is all that it makes.
  const unread = options.record === undefined ? [context.unread] : [];
  const signal = AbortSignal.any([interrupted, ...unread]);
  const console = await consoleOf(options, context);
  await simulate({ ...options, console }, { out, err, signal });
  if (interrupted.aborted) {
    print(err, 'nalu: stopped by hand; an attempt that was under way does not count');
    context.end('interrupted');
  } else if (signal.aborted) context.end('unread');
}

/** `nalu sim`. */
export function sim(program: Command, context: Context): void {
  const command = program
    .command('sim')
    .description('run a policy, or the scripted expert, on the simulated ALOHA')
    .addOption(policyTaskOption())
    .option(
      '--policy <folder>',
      'policy bundle to run, or ws://HOST:PORT of a server that has it (nalu serve, openpi)',
      SHIPPED_POLICY,
    )
    .addOption(apiKeyOption('key of the server that --policy names'))
    .option('--expert', 'run the scripted expert instead of a policy')
    .option('--episodes <n>', 'attempts to make', integer(1), 1)
    .option(
      '--seed <n>',
      'seed of the first attempt; the next ones count up from it',
      integer(0),
      0,
    )
    .option('--zero-noise', 'begin every chunk from zero noise instead of random noise')
    .addOption(
      new Option(
        '--join <how>',
        'how a chunk takes over: swap replaces the one in play, synchronous has the robot wait for it, ensemble averages all that cover a step, exact and approximate draw it towards the one in play (real-time chunking with and without the Jacobian), trained continues the one in play; auto is approximate, or swap for a policy without a flow',
      )
        .choices(JOIN_CHOICES)
        .default(DEFAULT_JOIN),
    )
    .addOption(delayOption())
    .option('--execute <n>', "rows of a chunk to play, instead of the bundle's", integer(1))
    .addOption(stepsOption())
    .addOption(solverOption())
    .addOption(timesOption())
    .option('--real-time', 'keep to the wall clock instead of running as fast as possible')
    .option('--watch', 'draw the attempts in the terminal as they go')
    .option('--record <folder>', 'keep each attempt as an MCAP file in this folder')
    .addOption(jsonOption())
    .option(
      '--snapshot <file>',
      'write what the cameras see at the first seed, as the ending says (.png, .jpg, .webp), and run nothing',
    )
    .option('--force', 'with --snapshot: replace the file if it is there')
    .addOption(sceneOption())
    .addOption(sceneMapOption())
    .option(
      '--draw-groups <list>',
      "groups of shapes that the cameras show, as 1 or 1,2; without it MuJoCo's choice, 0, 1 and 2",
      groups,
    )
    .option(
      '--success-classifier <file>',
      "YAML of a classifier that says when an attempt has succeeded, instead of the simulator's rule",
    )
    .addOption(sessionOption())
    .option(
      '--adapters <folder>',
      "versions of the policy that the page can have played and compared: a folder of adapters, a learner's or an adaptation's",
    )
    .addOption(consoleOption())
    .addOption(consoleHostOption())
    .addOption(consoleTlsOption())
    .option('--metrics-port <n>', 'offer Prometheus metrics at this port while it runs', port)
    .option('--metrics-host <address>', 'who may read them; by default this machine alone')
    .addHelpText('after', EXAMPLES)
    .action(({ snapshot, ...options }) =>
      snapshot === undefined ? attempts(options, context) : picture(snapshot, options, context),
    );
  readsOnly(command, RULES);
}
