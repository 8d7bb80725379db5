import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ClassifierOptions } from './classifier.ts';
import type { DemosOptions } from './demos.ts';
import type { ImitateOptions } from './imitate.ts';
import type { LearnOptions } from './learn.ts';
import { packagePath } from '../files/packagePath.ts';
import { SHIPPED_POLICY, integer, sessionOption, taskOption } from './sharedOptions.ts';
import { run } from './run.ts';
import type { AdaptOptions } from '../adapting/plan.ts';

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity))
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

const layers = (text: string): number[] => text.split(',').map(integer(0));

/** Commands by which policies learn. */
export function learning(program: Command): void {
  program
    .command('demos')
    .description('record demonstrations by the scripted expert, in several processes')
    .argument('<folder>', 'where the episodes go, as TASK-SEED.mcap')
    .addOption(taskOption())
    .option('--episodes <n>', 'demonstrations that the folder is to hold', integer(1), 100)
    .option('--seed <n>', 'seed of the first one; the next ones count up from it', integer(0), 0)
    .option('--processes <n>', 'processes that record; by default one per CPU core', integer(1))
    .option(
      '--every <n>',
      'control steps between recorded observations (images and joints), at most 48',
      integer(1),
      10,
    )
    .option(
      '--vary <file>',
      "YAML of the most by which each attempt's robot differs, at random, as in adapt --gap",
    )
    .addHelpText(
      'after',
      `
An attempt that fails is kept with the outcome failure; training leaves it out. The same command again
goes on: it records only the seeds whose episode is not there.

Examples:
  nalu demos demos                                        a hundred of transfer cube
  nalu demos demos --episodes 500                         four hundred more beside them
  nalu demos pegs --task insertion --every 5              the other task, observed twice as often
  nalu demos held-out --episodes 20 --seed 900000         seeds that no training has seen
  nalu imitate demos --out my-policy                      learn from them`,
    )
    .action((folder: string, options: DemosOptions) =>
      run(async () => (await import('./demos.ts')).demosCommand(folder, options)),
    );

  program
    .command('imitate')
    .description('train a policy on recorded demonstrations (flow matching)')
    .argument('<episodes>', 'folder of episodes')
    .requiredOption('--out <folder>', 'where the trained bundle goes')
    .option(
      '--from <bundle>',
      'policy to go on from, in the place of a small one of random weights',
    )
    .addOption(
      new Option('--train <what>', 'what learns').choices(['all', 'expert', 'lora']).default('all'),
    )
    .option('--rank <n>', 'of LoRA adapters', integer(1), 8)
    .option(
      '--layers <list>',
      "the expert's layers that get adapters, as in 0,2,3; all by default",
      layers,
    )
    .option('--steps <n>', 'optimiser steps', integer(1), 6000)
    .option('--batch <n>', 'observations of a step', integer(1), 32)
    .option('--samples <n>', 'flow samples (noise and time) of each observation', integer(1), 2)
    .option('--rate <x>', 'largest learning rate', positive, 2e-3)
    .option(
      '--max-delay <rows>',
      'teach it to go on from up to this many rows under way, as --join trained has them (0: none)',
      integer(0),
      0,
    )
    .option(
      '--renormalise',
      "with --from: joints' mean and deviation of these demonstrations, as another task needs, in the place of the policy's",
    )
    .option('--no-augmentation', 'take images as they are: no crop, turn or colour jitter')
    .addOption(taskOption())
    .option('--evaluate-every <n>', 'steps between evaluations in the simulator', integer(1), 1000)
    .option(
      '--attempts <n>',
      'attempts of an evaluation, from random and from zero noise; 0 for none',
      integer(0),
      20,
    )
    .option('--seed <n>', 'of weights, batches, noise and augmentation', integer(0), 0)
    .option('--resume', 'go on from the checkpoint in --out, with the same options as before')
    .option('--force', 'replace a bundle and a run that are in --out')
    .addOption(sessionOption())
    .action((folder: string, options: ImitateOptions) =>
      run(async () => (await import('./imitate.ts')).imitateCommand(folder, options)),
    );

  program
    .command('adapt')
    .description(
      'let a policy get better at its task on the simulated ALOHA: attempts, learner, link',
    )
    .argument('<folder>', 'where all of the run is kept')
    .option('--policy <folder>', 'policy bundle to begin with', SHIPPED_POLICY)
    .addOption(taskOption())
    .option('--episodes <n>', 'attempts to learn from', integer(1), 1024)
    .option('--batch <n>', 'attempts of an update', integer(1), 64)
    .option('--config <file>', 'YAML of FPO: what is not in it has its default')
    .option(
      '--exploration <file>',
      'YAML: size, view, correlation, steps; what is not in it has its default',
    )
    .option('--gap <file>', 'YAML of how the robot differs from the one of the demonstrations')
    .option('--execute <n>', "rows of a chunk to play, in the place of the bundle's", integer(1))
    .option('--evaluate-every <n>', 'updates between evaluations', integer(1), 4)
    .option('--attempts <n>', 'held-out attempts of an evaluation; 0 for none', integer(0), 60)
    .option('--processes <n>', 'processes that make attempts', integer(1), 2)
    .option('--seed <n>', "of the attempts' scenes and noise, and of learning", integer(0), 0)
    .addHelpText(
      'after',
      `
The attempts and the learner are processes of their own, with the link between them as on a robot. The
same command again goes on where it was stopped; another policy, task, seed, gap, --execute or what FPO's
state depends on is refused there. Attempts of a batch that all ended alike make no version: none of them
shows what does better. FOLDER/curve.svg is drawn as it goes.

Examples:
  nalu adapt run                                   the shipped policy, 1024 attempts
  nalu adapt run --execute 35 --episodes 2048      a weaker beginning: chunks played for 35 steps
  nalu adapt run --gap gap.yaml                    cameraShift: [0.0025, 0, 0] (m), cameraTilt (degrees),
                                                   gripperOffset, delay (control steps), friction (times)`,
    )
    .action((folder: string, options: AdaptOptions) =>
      run(async () => (await import('./adapt.ts')).adaptCommand(folder, options)),
    );

  program
    .command('learn')
    .description(
      'the learner beside a runtime: improves its policy by FPO from the episodes that it sends',
    )
    .argument('<folder>', 'where episodes, state, versions and curve are kept')
    .option('--policy <folder>', 'policy bundle that the runtime plays', SHIPPED_POLICY)
    .option(
      '--calibration <file>',
      "the robot's calibration",
      packagePath('calibration/aloha-sim.yaml'),
    )
    .option('--config <file>', 'YAML of FPO: what is not in it has its default')
    .option('--batch <n>', 'episodes of an update', integer(1), 64)
    .option('--seed <n>', 'of noise, times and order', integer(0), 0)
    .option(
      '--address <address>',
      'ipc:///PATH or tcp://HOST:PORT; by default a socket in the folder',
    )
    .option('--keys <folder>', 'keys of the link, which tcp needs (nalu keys makes them)')
    .addOption(
      new Option(
        '--cores <which>',
        'spare: only those that nothing else wants, so as not to slow a policy',
      )
        .choices(['spare', 'shared'])
        .default('spare'),
    )
    .option('--json', 'print one JSON object a line on stdout and nothing else there')
    .addOption(sessionOption())
    .addHelpText(
      'after',
      `
It may be killed and started again at any time: it goes on from its folder, to the same numbers, and
refuses another policy, robot, seed or configuration there. What it makes reaches the robot only if it is
finite, near the version before, not worse on the attempts that it was learned from, and if these did not
all end alike; a version that proves worse on the robot is taken back. Episodes of another task than the
first one's are left out.

Examples:
  nalu learn learning                                            beside the runtime, on the robot
  nalu keys keys && nalu learn learning --address tcp://*:5570 --keys keys   on a workstation`,
    )
    .action((folder: string, options: LearnOptions) =>
      run(async () => (await import('./learn.ts')).learnCommand(folder, options)),
    );

  program
    .command('keys')
    .description(
      'make the keys with which a robot and a learner on another machine know each other',
    )
    .argument('<folder>', 'where the keys go; made if absent')
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

Examples:
  nalu keys keys
  scp -p keys/runtime.key keys/runtime.pub keys/learner.pub robot:nalu/keys/`,
    )
    .action((folder: string) => run(async () => (await import('./keys.ts')).keysCommand(folder)));

  program
    .command('classifier')
    .description('train a model that tells success from a camera, on the simulated ALOHA')
    .addOption(taskOption())
    .requiredOption('--out <folder>', 'where the model and its settings go')
    .option('--policy <folder>', 'policy bundle whose attempts it learns from', SHIPPED_POLICY)
    .option(
      '--episodes <n>',
      'attempts to learn from; a quarter as many more are held out',
      integer(4),
      160,
    )
    .option('--steps <n>', 'optimiser steps', integer(1), 1200)
    .option('--seed <n>', 'of the first weights and the order of frames', integer(0), 0)
    .option('--force', 'replace a classifier that is in --out')
    .addHelpText(
      'after',
      `
It sees what cam_high shows, every tenth control step, of attempts by the policy and, one in four, by the
scripted expert; the simulator's rule says which frames show success.

Examples:
  nalu classifier --out my-classifier
  nalu sim --episodes 20 --success-classifier my-classifier/classifier.yaml`,
    )
    .action((options: ClassifierOptions) =>
      run(async () => (await import('./classifier.ts')).classifierCommand(options)),
    );
}
