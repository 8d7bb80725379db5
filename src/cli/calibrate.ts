import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { CalibrateStep } from '../calibrate/calibrate.ts';
import type { OpenOptions, Subject } from '../calibrate/subject.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';

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

/** Opens the robot of ROS topics, which a person moves. */
async function openRos(
  { calibration, dialogue, signal }: OpenOptions,
  simTime: boolean,
): Promise<Subject> {
  const { openRosSenses } = await import('../ros/calibrationNode.ts');
  const { letPass } = await import('../calibrate/bench.ts');
  const { presentPerson } = await import('../calibrate/person.ts');
  const { robot, read } = await openRosSenses(calibration, { simTime, signal });
  return {
    robot,
    calibration: read,
    label: 'the robot; nothing is sent to its motors',
    person: presentPerson(dialogue, (seconds) => letPass(robot, seconds, signal)),
    start: () => Promise.resolve(),
  };
}

/** `nalu calibrate`. */
export function calibrate(program: Command, context: Context): void {
  const command = program
    .command('calibrate')
    .description('measure a robot as a person moves it by hand, and write its calibration')
    .argument('<file>', 'the calibration to write (YAML)')
    .addOption(
      new Option('--robot <which>', 'the robot to measure')
        .choices(['sim', 'ros'] as const)
        .default('sim'),
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
    .action(async (file, options) => {
      const { calibrateFile } = await import('../calibrate/calibrate.ts');
      const { terminalDialogue } = await import('../terminal/dialogue.ts');
      const signal = context.interruption();
      const dialogue = terminalDialogue({ input: context.input(), output: context.out, signal });
      const open =
        options.robot === 'ros'
          ? (robot: OpenOptions) => openRos(robot, options.simTime ?? false)
          : (await import('../calibrate/simulated.ts')).simulatedSubject;
      context.end(await calibrateFile(file, options, { dialogue, signal, open }));
    });
  readsOnly(command, { '--sim-time': { with: ['--robot ros'] } });
}
