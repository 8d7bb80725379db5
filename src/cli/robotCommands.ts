import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CalibrateOptions, CalibrateStep } from './calibrate.ts';
import type { CheckOptions } from './check.ts';
import type { DoctorOptions } from './doctor.ts';
import { SHIPPED_POLICY, integer, sessionOption, taskOption } from './sharedOptions.ts';
import { run } from './run.ts';

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

/** Commands for a real robot and its machine. */
export function robots(program: Command): void {
  program
    .command('check')
    .description('compare a policy with a robot, and move nothing')
    .argument('[bundle]', 'policy bundle', SHIPPED_POLICY)
    .addOption(
      new Option(
        '--robot <which>',
        'the robot to look at: the simulated one, or that of ROS topics',
      )
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
      run(async () => (await import('./check.ts')).checkCommand(bundle, options)),
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
      run(async () => (await import('./calibrate.ts')).calibrateCommand(file, options)),
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
      run(async () => (await import('./doctor.ts')).doctorCommand(bundle, options)),
    );
}
