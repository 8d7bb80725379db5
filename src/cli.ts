#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from './errors.ts';
import { packagePath } from './packagePath.ts';
import { JOINS } from './policy/joining.ts';
import type { CalibrateOptions, CalibrateStep } from './commands/calibrate.ts';
import type { AdaptOptions } from './commands/adapt.ts';
import type { ClassifierOptions } from './commands/classifier.ts';
import type { CreateOptions } from './commands/create.ts';
import type { CheckOptions } from './commands/check.ts';
import type { DemosOptions } from './commands/demos.ts';
import type { DoctorOptions } from './commands/doctor.ts';
import type { ImportOptions } from './policy/import/importPolicy.ts';
import type { ImitateOptions } from './commands/imitate.ts';
import type { LearnOptions } from './commands/learn.ts';
import type { SimOptions } from './commands/sim.ts';
import type { VerifyOptions } from './commands/verify.ts';

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

function bits(text: string): 8 | 4 {
  if (text === '8' || text === '4') return text === '8' ? 8 : 4;
  throw new InvalidArgumentError('It must be 8 or 4.');
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

const CALIBRATE_STEPS: CalibrateStep[] = ['joints', 'grippers', 'cameras', 'latency'];

function calibrateSteps(text: string): CalibrateStep[] {
  const named = text.split(',');
  const wrong = named.find((name) => !CALIBRATE_STEPS.some((step) => step === name));
  if (wrong !== undefined)
    throw new InvalidArgumentError(
      `There is no step '${wrong}'; steps: ${CALIBRATE_STEPS.join(', ')}.`,
    );
  return CALIBRATE_STEPS.filter((step) => named.includes(step));
}

/** Names between commas. */
function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('A name is empty.');
  return names;
}

const layers = (text: string): number[] => text.split(',').map(integer(0));

const program = new Command('nalu')
  .description(
    'Runs flow-matching policies (pi0) on a robot: observes, samples action chunks, plays them behind a guard, and keeps every attempt as an episode.',
  )
  .showHelpAfterError('(nalu --help, or nalu COMMAND --help, says more)');

const taskOption = () =>
  new Option('--task <name>', 'what the robot is to do')
    .choices(['transfer-cube', 'insertion'])
    .default('transfer-cube');

const sessionOption = () =>
  new Option(
    '--session <file>',
    'YAML: executionProviders with their options, fallback, and threads of ONNX Runtime',
  );

program
  .command('start')
  .description(
    'the main job in the simulator: ten attempts of the shipped policy, and some minutes of learning',
  )
  .action(() => run(async () => (await import('./commands/start.ts')).start(SHIPPED_POLICY)));

program
  .command('sim')
  .description('run a policy, or the scripted expert, on the simulated ALOHA')
  .addOption(taskOption())
  .option('--policy <folder>', 'policy bundle to run', SHIPPED_POLICY)
  .option('--expert', 'run the scripted expert in the place of a policy')
  .option('--episodes <n>', 'attempts to make', integer(1), 1)
  .option('--seed <n>', 'seed of the first attempt; the next ones count up from it', integer(0), 0)
  .option('--zero-noise', 'begin every chunk from zero noise in the place of random noise')
  .addOption(
    new Option(
      '--join <how>',
      'how a chunk takes over: in the place of the one in play; the robot waits for it; the mean of all that speak of a step; drawn towards the one in play (real-time chunking, with or without the Jacobian); or going on from it, as trained',
    )
      .choices(JOINS)
      .default('swap'),
  )
  .option(
    '--delay <ms>',
    'how late a chunk comes, in whole control steps (default: 40)',
    integer(0),
  )
  .option('--execute <n>', "rows of a chunk to play, in the place of the bundle's", integer(1))
  .option('--real-time', 'keep to the wall clock in the place of running as fast as possible')
  .option('--watch', 'draw the attempts in the terminal as they go')
  .option('--record <folder>', 'keep each attempt as an MCAP file in this folder')
  .option('--json', 'print one JSON object a line and nothing else')
  .option(
    '--snapshot <file>',
    'write what the cameras see at the first seed as a PNG, and run nothing',
  )
  .option('--scene <file>', 'use this MJCF scene in the place of the built-in one')
  .option(
    '--success-classifier <file>',
    "YAML of a classifier that says when an attempt has succeeded, in the place of the simulator's rule",
  )
  .addOption(sessionOption())
  .option('--metrics-port <n>', 'offer Prometheus metrics at this port while it runs', integer(1))
  .option('--metrics-host <address>', 'who may read them; by default this machine alone')
  .addHelpText(
    'after',
    `
Examples:
  nalu sim --snapshot scene.png                 what the cameras see
  nalu sim --watch                              see the shipped policy at work
  nalu sim --expert --episodes 20               how the scripted expert does
  nalu sim --episodes 200 --seed 1000 --json    success rate of the shipped policy, for a script
  nalu sim --record episodes                    keep the attempt; Foxglove opens it
  nalu sim --episodes 20 --json --success-classifier models/success-transfer-cube/classifier.yaml
                                                its verdict, and as "simulator" that of the rule
  nalu sim --real-time --episodes 20 --metrics-port 9464
                                                how late ticks are; curl localhost:9464/metrics`,
  )
  .action((options: SimOptions) => run(() => sim(options)));

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
    run(async () => (await import('./commands/demos.ts')).demosCommand(folder, options)),
  );

program
  .command('create')
  .description('make a policy bundle with random weights')
  .argument('<folder>', 'where the bundle goes')
  .option('--seed <n>', 'seed of the weights', integer(0), 0)
  .addOption(
    new Option('--size <which>', '2 million parameters, or the 3.2 billion of the published policy')
      .choices(['mini', 'full'])
      .default('mini'),
  )
  .addOption(
    new Option('--precision <type>', 'in which the full size is stored')
      .choices(['float32', 'float16', 'bfloat16'])
      .default('bfloat16'),
  )
  .addHelpText(
    'after',
    `
Examples:
  nalu create mini                                   to try what needs no skill
  nalu create full --size full                       6.5 GB: does this machine run a policy of this size?
  nalu create full --size full --precision float16   the same for GPUs without bfloat16, as through WebGPU`,
  )
  .action((folder: string, options: CreateOptions) =>
    run(async () => (await import('./commands/create.ts')).createCommand(folder, options)),
  );

program
  .command('import')
  .description('make a policy bundle of a published π0: a checkpoint of lerobot or openpi')
  .argument('<checkpoint>', 'folder with model.safetensors or its shards, or the file itself')
  .requiredOption('--out <folder>', 'where the bundle goes')
  .addOption(
    new Option('--embodiment <name>', 'the robot that it was trained for')
      .choices(['aloha'])
      .default('aloha'),
  )
  .option('--adapt-to-pi', 'it was trained on joints flipped and grippers as motor angles')
  .option('--no-adapt-to-pi', "it was trained on ALOHA's own joints and gripper openings")
  .option('--delta-actions', 'its arm actions are relative to the state, grippers absolute')
  .option('--no-delta-actions', 'its actions are absolute')
  .option(
    '--cameras <list>',
    "the robot's cameras in the policy's order: base, left wrist, right wrist",
    list,
  )
  .option('--stats <file>', "normalisation statistics, in the place of the checkpoint's")
  .option('--tokenizer <file>', "tokenizer.json, in the place of the checkpoint's")
  .option('--execute <n>', 'rows of a chunk to play before the next one takes over', integer(1))
  .option('--copy', 'copy the weights in the place of linking to them')
  .addOption(
    new Option('--precision <type>', 'convert the weights, in the place of linking').choices([
      'float32',
      'float16',
      'bfloat16',
    ]),
  )
  .option('--prefix-bits <n>', "pack the language model's matrices into 8 or 4 bits", bits)
  .option('--force', 'replace a bundle that is there')
  .addHelpText(
    'after',
    `
The weights stay where they are: the bundle holds a second name (hard link) of each file, which takes no
room and outlives the checkpoint, and graphs that point into it. A checkpoint on another file system needs
--copy. Statistics, cameras, dimensions and, in older lerobot checkpoints, the kind of actions are read
from the checkpoint; what it leaves open must be said, and what was chosen is printed.

Examples:
  nalu import pi0_aloha --out my-policy --no-adapt-to-pi --no-delta-actions
                                             trained by lerobot on an ALOHA data set
  nalu import pi0_aloha_towel_pytorch --out towel --adapt-to-pi --delta-actions --tokenizer tokenizer.json
                                             converted by openpi's convert_jax_model_to_pytorch.py
  nalu import pi0_base --out base --adapt-to-pi --delta-actions --stats assets/trossen/norm_stats.json
  nalu check my-policy --robot ros --calibration mine.yaml
                                             then: does it fit the robot?`,
  )
  .action((checkpoint: string, options: ImportOptions) =>
    run(async () => (await import('./commands/import.ts')).importCommand(checkpoint, options)),
  );

program
  .command('imitate')
  .description('train a policy on recorded demonstrations (flow matching)')
  .argument('<episodes>', 'folder of episodes')
  .requiredOption('--out <folder>', 'where the trained bundle goes')
  .option('--from <bundle>', 'policy to go on from, in the place of a small one of random weights')
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
  .addOption(sessionOption())
  .action((folder: string, options: ImitateOptions) =>
    run(async () => (await import('./commands/imitate.ts')).imitateCommand(folder, options)),
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
    'YAML: size, correlation, steps; what is not in it has its default',
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
same command again goes on where it was stopped. FOLDER/curve.svg is drawn as it goes.

Examples:
  nalu adapt run                                   the shipped policy, 1024 attempts
  nalu adapt run --execute 35 --episodes 2048      a weaker beginning: chunks played for 35 steps
  nalu adapt run --gap gap.yaml                    cameraShift: [0.0025, 0, 0] (m), cameraTilt (degrees),
                                                   gripperOffset, delay (control steps), friction (times)`,
  )
  .action((folder: string, options: AdaptOptions) =>
    run(async () => (await import('./commands/adapt.ts')).adaptCommand(folder, options)),
  );

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
    run(async () => (await import('./commands/classifier.ts')).classifierCommand(options)),
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
It may be killed and started again at any time: it goes on from its folder, to the same numbers. What it
makes reaches the robot only if it is finite, near the version before, and not worse on the attempts that
it was learned from; a version that proves worse on the robot is taken back.

Examples:
  nalu learn learning                                            beside the runtime, on the robot
  nalu keys keys && nalu learn learning --address tcp://*:5570 --keys keys   on a workstation`,
  )
  .action((folder: string, options: LearnOptions) =>
    run(async () => (await import('./commands/learn.ts')).learnCommand(folder, options)),
  );

program
  .command('keys')
  .description('make the keys with which a robot and a learner on another machine know each other')
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
  .action((folder: string) =>
    run(async () => (await import('./commands/keys.ts')).keysCommand(folder)),
  );

program
  .command('recover')
  .description('make readable what a killed process had recorded of an episode')
  .argument('<files...>', 'unfinished episodes (*.mcap.partial)')
  .action((files: string[]) =>
    run(async () => (await import('./commands/recover.ts')).recoverCommand(files)),
  );

program
  .command('check')
  .description('compare a policy with a robot, and move nothing')
  .argument('[bundle]', 'policy bundle', SHIPPED_POLICY)
  .addOption(
    new Option('--robot <which>', 'the robot to look at: the simulated one, or that of ROS topics')
      .choices(['sim', 'ros'])
      .default('sim'),
  )
  .option('--calibration <file>', "the robot's calibration, in the place of the simulated one's")
  .option('--sim-time', 'with ros: stamps are those of /clock')
  .addOption(taskOption())
  .option('--seed <n>', 'of the simulated scene', integer(0), 0)
  .option('--json', 'print one JSON object a line and nothing else')
  .addOption(sessionOption())
  .addHelpText(
    'after',
    `
It takes one observation, samples one chunk from zero noise, and says what does not fit: embodiment,
cameras, order and signs of joints, normalisation statistics, gripper range, relative or absolute
actions, the first move. The exit code is 1 if there are errors.

Examples:
  nalu check                                                the shipped policy on the simulated ALOHA
  nalu check my-policy --calibration calibration/aloha-2.0.yaml
  nalu check my-policy --robot ros --calibration mine.yaml  the real robot; nothing is sent to it
  nalu check my-policy --json                               for a script`,
  )
  .action((bundle: string, options: CheckOptions) =>
    run(async () => (await import('./commands/check.ts')).checkCommand(bundle, options)),
  );

program
  .command('verify')
  .description('compare what a policy computes here with its golden numbers')
  .argument('[bundle]', 'policy bundle', SHIPPED_POLICY)
  .option('--write', 'make the golden numbers: on the CPU, in float32')
  .option('--json', 'print one JSON object and nothing else')
  .addOption(sessionOption())
  .addHelpText(
    'after',
    `
A bundle holds inputs, and what the policy makes of them at every stage: embeddings, the prefix's keys and
values, the velocity, the chunk. An engine of another precision or provider that gives something else moves
no robot: whatever runs a policy makes the same comparison of its chunk before the first motion.

Examples:
  nalu verify my-policy --write                      once, after importing or training it
  nalu verify my-policy --session tensorrt.yaml      is it the same policy on the robot's GPU?`,
  )
  .action((bundle: string, options: VerifyOptions) =>
    run(async () => (await import('./commands/verify.ts')).verifyCommand(bundle, options)),
  );

program
  .command('doctor')
  .description('say what this machine can do, and for each lack the next step')
  .argument('[bundle]', 'policy bundle that is to run here', SHIPPED_POLICY)
  .option('--calibration <file>', "a robot's calibration: are its cameras' topics there (ROS 2)?")
  .option('--session <file>', 'YAML of a session: can its execution providers be had?')
  .option('--record <folder>', 'where episodes are to be kept', 'episodes')
  .option('--json', 'print one JSON object a line and nothing else')
  .addHelpText(
    'after',
    `
It tries what it tells: every execution provider multiplies two matrices, every library with native
code is used, each in a process of its own, so that a driver that crashes ends no more than that.

  ok    it is here and works
  LACK  it is wanted here, and does not work; the line below says what to do
  -     it is not here, and nothing on this machine wants it

The exit code is 1 only if something is lacking that the simulated robot needs.

Examples:
  nalu doctor                                     this machine, and the shipped policy
  nalu doctor my-policy --session session.yaml    can it run there, on these providers, in this memory?
  nalu doctor --calibration mine.yaml             are the robot's cameras publishing?
  nalu doctor --json | grep '"lack"'              for a script`,
  )
  .action((bundle: string, options: DoctorOptions) =>
    run(async () => (await import('./commands/doctor.ts')).doctorCommand(bundle, options)),
  );

program
  .command('calibrate')
  .description('measure a robot as a person moves it by hand, and write its calibration')
  .argument('<file>', 'the calibration to write (YAML)')
  .addOption(
    new Option('--robot <which>', 'the robot to measure').choices(['sim', 'ros']).default('sim'),
  )
  .option(
    '--from <file>',
    "the calibration to begin with; by default the file itself where it is there, else the simulated robot's",
  )
  .option(
    '--steps <list>',
    'what to measure, as in joints,cameras',
    calibrateSteps,
    CALIBRATE_STEPS,
  )
  .option(
    '--sim-time',
    "with --robot ros: time comes from /clock, as with the simulated robot's node",
  )
  .option('--force', 'replace the file without asking')
  .addHelpText(
    'after',
    `
It only listens: nothing is ever sent to the motors. Switch the arms' torque off and move them as it
asks; every step and joint can be skipped with s, q ends. It measures

  joints     sign (from the direction that is named positive) and the range that was visited
  grippers   the drivers' angles when open and closed, and the constant set they belong to
  cameras    which is which, sharpness, brightness, size, rate; pictures go to FILE-cameras/
  latency    how far each camera's images lie behind the joints, from ten seconds of jerks

then says what differs, asks, and writes. Where stdin is no terminal its lines are the answers.

Examples:
  nalu calibrate try.yaml                            try it: a simulated person moves the simulated arms
  nalu calibrate try.yaml --from calibration/aloha-2.0.yaml --steps joints,grippers
                                                     see it find a wrong gripper set
  nalu calibrate mine.yaml --robot ros --from calibration/aloha-2.0.yaml
  nalu calibrate mine.yaml --robot ros --steps cameras
                                                     measure the cameras again, keep the rest`,
  )
  .action((file: string, options: CalibrateOptions) =>
    run(async () => (await import('./commands/calibrate.ts')).calibrateCommand(file, options)),
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
