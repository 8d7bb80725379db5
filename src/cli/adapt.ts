import { type Command, Option } from '@commander-js/extra-typings';
import { LEARNED_JOINS } from '../policy/joinKinds.ts';
import { CONSOLE_RULES, consoleHostOption, consoleOf, consoleTlsOption, learningConsoleOption } from './consoleOptions.ts'; // prettier-ignore
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import {
  BATCH,
  SCENE_RULES,
  SHIPPED_POLICY,
  delayOption,
  integer,
  methodOption,
  policyTaskOption,
  sceneMapOption,
  sceneOption,
  solverOption,
  stepsOption,
  timesOption,
} from './sharedOptions.ts';

const HELP = `
The attempts and the learner are processes of their own, with the link between them as on a robot. The
same command continues where it was stopped; another policy, task, scene, seed, gap, --execute, --join, --delay or
what FPO's state depends on is refused there. Attempts of a batch that all ended alike make no version:
none of them shows what does better. FOLDER/curve.svg is drawn as it goes.

Examples:
  nalu adapt run                                   the shipped policy, 1024 attempts
  nalu adapt run --method view --gap gap.yaml      the network stays, its view moves: 144 attempts
  nalu adapt run --policy FAST --method grpo       a π0-FAST, by how likely its tokens are
  nalu adapt run --execute 35 --episodes 2048      a weaker beginning: chunks played for 35 steps
  nalu adapt run --workers nats://10.0.0.5:4222    attempts are made by other machines
  nalu adapt run --gap gap.yaml                    cameraShift: [0.0025, 0, 0] (m), cameraTilt (degrees),
                                                   gripperOffset, delay (control steps), friction (times)`;

/** `nalu adapt`. */
export function adapt(program: Command, context: Context): void {
  const command = program
    .command('adapt')
    .description('improve a policy at its task on the simulated ALOHA: attempts, learner, link')
    .argument('<folder>', 'where all of the run is kept')
    .option('--policy <folder>', 'policy bundle to begin with', SHIPPED_POLICY)
    .addOption(policyTaskOption())
    .option(
      '--episodes <n>',
      'attempts to learn from (default: 1024 of fpo, flow-ppo, ppo and grpo, 320 of fpo-replay, in-sample, preference, filtered, choice, edits and steer, 144 of view and ticket, 160 of offset)',
      integer(1),
    )
    .addOption(methodOption())
    .option('--batch <n>', BATCH, integer(1))
    .option('--config <file>', 'YAML of the method: what is not in it has its default')
    .option(
      '--exploration <file>',
      'YAML: size, view, offset, range, correlation, steps, temperature; what is not in it has the default of the method',
    )
    .option('--gap <file>', 'YAML of how the robot differs from the one of the demonstrations')
    .addOption(sceneOption())
    .addOption(sceneMapOption())
    .option('--execute <n>', "rows of a chunk to play, instead of the bundle's", integer(1))
    .addOption(
      new Option(
        '--join <how>',
        'how a chunk takes over: swap replaces the one in play, exact, approximate and trained continue it as nalu sim does',
      )
        .choices(LEARNED_JOINS)
        .default('swap' as const),
    )
    .addOption(delayOption())
    .addOption(stepsOption())
    .addOption(solverOption())
    .addOption(timesOption())
    .option('--evaluate-every <n>', 'updates between evaluations', integer(1), 4)
    .option('--attempts <n>', 'held-out attempts of an evaluation; 0 for none', integer(0), 60)
    .option('--processes <n>', 'processes that make attempts', integer(1), 2)
    .option(
      '--workers <address>',
      'nats://HOST:PORT: attempts are made by whoever runs nalu worker there, instead of processes here',
    )
    .option('--keys <folder>', 'keys that this server knows')
    .addOption(learningConsoleOption())
    .addOption(consoleHostOption())
    .addOption(consoleTlsOption())
    .option('--seed <n>', "of the attempts' scenes and noise, and of learning", integer(0), 0)
    .addHelpText('after', HELP)
    .action(async (folder, options) => {
      const { adapt } = await import('../adapting/adapt.ts');
      const { METHODS } = await import('../learning/methods.ts');
      const { out, err } = context;
      const console = await consoleOf(options, context);
      const own = METHODS[options.method];
      const { batch = own.batch, episodes = own.episodes } = options;
      context.end(
        await adapt(
          folder,
          { ...options, batch, episodes },
          { out, err, signal: context.interruption(), console },
        ),
      );
    });
  readsOnly(command, {
    '--processes': { without: ['--workers'] },
    '--keys': { with: ['--workers'] },
    ...SCENE_RULES,
    ...CONSOLE_RULES,
  });
}
