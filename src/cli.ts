#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from './errors.ts';
import { packagePath } from './packagePath.ts';
import type { SimOptions } from './commands/sim.ts';

const SHIPPED_POLICY = packagePath('models/aloha-mini');

/** Exit code of a command that Ctrl-C ended. */
const INTERRUPTED = 130;

function integer(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    }
    return value;
  };
}

const program = new Command('nalu')
  .description(
    'Runs flow-matching policies (pi0) on a robot: observes, samples action chunks, plays them behind a guard, and keeps every attempt as an episode.',
  )
  .showHelpAfterError('(nalu --help, or nalu COMMAND --help, says more)');

const taskOption = () =>
  new Option('--task <name>', 'what the robot is to do')
    .choices(['transfer-cube', 'insertion'])
    .default('transfer-cube');

program
  .command('start')
  .description(
    'the main job in the simulator: ten attempts at transfer cube with the shipped policy',
  )
  .action(() =>
    run(() =>
      sim({
        task: 'transfer-cube',
        policy: SHIPPED_POLICY,
        episodes: 10,
        seed: 0,
        record: 'episodes',
      }),
    ),
  );

program
  .command('sim')
  .description('run a policy, or the scripted expert, on the simulated ALOHA')
  .addOption(taskOption())
  .option('--policy <folder>', 'policy bundle to run', SHIPPED_POLICY)
  .option('--expert', 'run the scripted expert in the place of a policy')
  .option('--episodes <n>', 'attempts to make', integer(1), 1)
  .option('--seed <n>', 'seed of the first attempt; the next ones count up from it', integer(0), 0)
  .option('--zero-noise', 'begin every chunk from zero noise in the place of random noise')
  .option('--real-time', 'keep to the wall clock in the place of running as fast as possible')
  .option('--record <folder>', 'keep each attempt as an MCAP file in this folder')
  .option('--json', 'print one JSON object a line and nothing else')
  .option(
    '--snapshot <file>',
    'write what the cameras see at the first seed as a PNG, and run nothing',
  )
  .option('--scene <file>', 'use this MJCF scene in the place of the built-in one')
  .option(
    '--session <file>',
    'YAML: executionProviders with their options, and threads of ONNX Runtime',
  )
  .addHelpText(
    'after',
    `
Examples:
  nalu sim --snapshot scene.png                 what the cameras see
  nalu sim --expert --episodes 20               how the scripted expert does
  nalu sim --episodes 200 --seed 1000 --json    success rate of the shipped policy, for a script
  nalu sim --record episodes                    keep the attempt; Foxglove opens it`,
  )
  .action((options: SimOptions) => run(() => sim(options)));

program
  .command('create')
  .description('make a small policy bundle with random weights')
  .argument('<folder>', 'where the bundle goes')
  .option('--seed <n>', 'seed of the weights', integer(0), 0)
  .action((folder: string, { seed }: { seed: number }) =>
    run(async () => (await import('./commands/create.ts')).createCommand(folder, seed)),
  );

program
  .command('recover')
  .description('make readable what a killed process had recorded of an episode')
  .argument('<files...>', 'unfinished episodes (*.mcap.partial)')
  .action((files: string[]) =>
    run(async () => (await import('./commands/recover.ts')).recoverCommand(files)),
  );

/** Commands are loaded when they run: --help needs no simulator. */
const sim = async (options: SimOptions) => (await import('./commands/sim.ts')).simCommand(options);

/** Runs a command; a `UserError` becomes its message and exit code. */
async function run(command: () => Promise<'done' | 'interrupted'>): Promise<void> {
  try {
    if ((await command()) === 'interrupted') process.exitCode = INTERRUPTED;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`nalu: ${error.message}`);
    process.exitCode = error.exitCode;
  }
}

await program.parseAsync();
