import { SIM_TASK_NAMES, simTaskFor } from '../sim/taskNames.ts';
import { type Command, Option } from '@commander-js/extra-typings';
import type { Subject } from '../check/examine.ts';
import { UserError } from '../errors.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { SHIPPED_POLICY, integer, jsonOption, sessionOption } from './sharedOptions.ts';

interface RosOptions {
  calibration?: string;
  simTime?: true;
  task?: string;
  prompt?: string;
}

/** The robot of ROS topics. */
async function rosSubject(
  { calibration: path, simTime, task, prompt }: RosOptions,
  bundle: Bundle,
): Promise<Subject> {
  if (path === undefined)
    throw new UserError('--robot ros: give the calibration of the robot with --calibration FILE', {
      kind: 'unsaid',
      subject: '--robot',
      fields: ['--calibration'],
    });
  const { loadCalibration } = await import('../robot/calibrationFile.ts');
  const { openListener } = await import('../ros/listener.ts');
  const { taskOf } = await import('../robot/taskOf.ts');
  const calibration = await loadCalibration(path);
  const chosen = taskOf(calibration, { task, prompt }, path, bundle.tasks);
  const cameras = bundle.cameras.filter((camera) =>
    calibration.cameras.some(({ name }) => name === camera),
  );
  const { robot, modes } = await openListener('nalu_check', calibration, cameras, simTime ?? false);
  return {
    robot,
    modes,
    label: `the topics of ${path}`,
    prompt: chosen.prompt,
    calibration,
    start: () => Promise.resolve(),
  };
}

/** The simulator's task of this name, or the policy's. Throws a `UserError` for one that it does not have. */
function simTaskOf(name: string | undefined, { tasks }: Bundle) {
  const task = SIM_TASK_NAMES.find((known) => known === name);
  if (task || name === undefined) return simTaskFor(task, tasks);
  throw new UserError(`--task ${name}: the simulator has ${SIM_TASK_NAMES.join(', ')}`, {
    kind: 'invalid',
    subject: '--task',
  });
}

/** `nalu check`. */
export function check(program: Command, context: Context): void {
  const command = program
    .command('check')
    .description('compare a policy with a robot, and move nothing')
    .argument('[bundle]', 'policy bundle', SHIPPED_POLICY)
    .addOption(
      new Option(
        '--robot <which>',
        'the robot to check: the simulated one, or the one on ROS topics',
      )
        .choices(['sim', 'ros'] as const)
        .default('sim'),
    )
    .option(
      '--calibration <file>',
      "the robot's calibration, instead of the simulated one's; with sim it must have its joints",
    )
    .option('--sim-time', 'with ros: stamps are those of /clock')
    .option(
      '--task <name>',
      `the simulator's (${SIM_TASK_NAMES.join(', ')}), or with ros one of the calibration's tasks; by default the first that the policy was trained for`,
    )
    .option('--prompt <text>', "with ros: the prompt, instead of the task's")
    .option('--seed <n>', 'of the simulated scene', integer(0), 0)
    .addOption(jsonOption())
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
    .action(async (folder, options) => {
      const { loadSessionConfig } = await import('../session/session.ts');
      const { loadBundle } = await import('../policy/bundle/bundle.ts');
      const { countOf, examine } = await import('../check/examine.ts');
      const { jsonReport, textReport } = await import('../check/report.ts');
      const session = await loadSessionConfig(options.session);
      const bundle = await loadBundle(folder);
      const subject =
        options.robot === 'ros'
          ? await rosSubject(options, bundle)
          : await (
              await import('../check/simulated.ts')
            ).simulatedSubject({
              ...options,
              task: simTaskOf(options.task, bundle),
            });
      try {
        const examined = await examine(bundle, subject, session);
        const report = options.json ? jsonReport : textReport;
        for (const line of report(examined)) print(context.out, line);
        const errors = countOf(examined.misfits, 'error');
        if (errors > 0)
          throw new UserError(
            `${folder} does not fit the robot: ${errors === 1 ? 'an error' : `${errors} errors`}`,
            { kind: 'mismatch', subject: folder },
          );
      } finally {
        await subject.robot.close();
      }
    });
  readsOnly(command, {
    '--sim-time': { with: ['--robot ros'] },
    '--prompt': { with: ['--robot ros'] },
    '--seed': { with: ['--robot sim'] },
  });
}
