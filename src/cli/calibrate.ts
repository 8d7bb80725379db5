import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type {
  CalibrateOptions,
  CalibrateStep,
  CalibrateSurroundings,
} from '../calibrate/calibrate.ts';
import type { OpenOptions, Subject } from '../calibrate/subject.ts';
import type { ConsoleChoice } from '../console/consoleAccess.ts';
import { messageOf } from '../errors.ts';
import { print } from '../terminal/output.ts';
import { CONSOLE_RULES, calibrationConsoleOption, consoleHostOption, consoleOf, consoleTlsOption } from './consoleOptions.ts'; // prettier-ignore
import type { Context, Ending } from './context.ts';
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
async function openRos(options: OpenOptions, simTime: boolean): Promise<Subject> {
  const { openRosSenses } = await import('../ros/calibrationNode.ts');
  const { letPass } = await import('../calibrate/bench.ts');
  const { presentPerson } = await import('../calibrate/person.ts');
  const { dialogue, signal } = options;
  const { robot, read, found } = await openRosSenses({ ...options, simTime });
  return {
    robot,
    found,
    calibration: read,
    label: 'the robot; nothing is sent to its motors',
    person: presentPerson(dialogue, (seconds) => letPass(robot, seconds, signal)),
    start: () => Promise.resolve(),
  };
}

/** Leads a calibration on a page in place of the terminal, which shows what is said. */
async function leadOnPage(
  file: string,
  options: CalibrateOptions,
  place: ConsoleChoice,
  surroundings: Pick<CalibrateSurroundings, 'open' | 'signal'>,
  { out, err }: Context,
): Promise<Ending> {
  const { calibrateFile } = await import('../calibrate/calibrate.ts');
  const { openCalibrationPage } = await import('../calibrate/calibrationPage.ts');
  const { from } = options;
  const page = await openCalibrationPage({
    ...{ ...place, file, signal: surroundings.signal },
    doctor: from === undefined ? [] : ['--calibration', from],
    print: (text) => print(out, text),
    log: (line) => print(err, `nalu: ${line}`),
  });
  let ended = 'The calibration was ended by an error of the program.';
  try {
    const ending = await calibrateFile(file, options, { ...surroundings, ...page });
    ended = 'The calibration is over.';
    return ending;
  } catch (error) {
    ended = messageOf(error);
    throw error;
  } finally {
    await page.close(ended);
  }
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
      "the calibration to begin with; by default the file itself where it is there, else the simulated robot's, or with ros the one that you name",
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
    .addOption(calibrationConsoleOption())
    .addOption(consoleHostOption())
    .addOption(consoleTlsOption())
    .addHelpText(
      'after',
      `
It only listens: nothing is ever sent to the motors. Switch the arms' torque off and move them as it
asks; every step and joint can be skipped with s, q ends. It measures

  joints     sign (from the direction that is named positive) and the range that was visited
  grippers   the drivers' angles when open and closed, and the constant set they belong to
  cameras    which is which, sharpness, brightness, size, rate; pictures go to FILE-cameras/
  latency    how far each camera's images lie behind the joints, from ten seconds of jerks

then says what differs, asks, and writes. Where stdin is no terminal its lines are the answers; with --console
it asks on a page, with all cameras live.

Examples:
  nalu calibrate try.yaml                            try it: a simulated person moves the simulated arms
  nalu calibrate try.yaml --from calibration/aloha-2.0.yaml --steps joints,grippers
                                                     see it find a wrong gripper set
  nalu calibrate mine.yaml --robot ros --from calibration/aloha-2.0.yaml
  nalu calibrate mine.yaml --robot ros --steps cameras
                                                     measure the cameras again, keep the rest
  nalu calibrate mine.yaml --robot ros --console     led on a page, as on a tablet beside the arms`,
    )
    .action(async (file, options) => {
      const signal = context.interruption();
      const open =
        options.robot === 'ros'
          ? (robot: OpenOptions) => openRos(robot, options.simTime ?? false)
          : (await import('../calibrate/simulated.ts')).simulatedSubject;
      const place = await consoleOf(options, context);
      if (place)
        return context.end(await leadOnPage(file, options, place, { signal, open }, context));
      const { calibrateFile } = await import('../calibrate/calibrate.ts');
      const { terminalDialogue } = await import('../terminal/dialogue.ts');
      const dialogue = terminalDialogue({ input: context.input(), output: context.out, signal });
      context.end(await calibrateFile(file, options, { dialogue, signal, open }));
    });
  readsOnly(command, { '--sim-time': { with: ['--robot ros'] }, ...CONSOLE_RULES });
}
