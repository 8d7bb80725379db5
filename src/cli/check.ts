import { UserError } from '../errors.ts';
import { type SessionConfig, loadSessionConfig } from '../session/session.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import { type Calibration } from '../robot/calibration.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';
import type { Robot } from '../robot/robot.ts';
import { canSample, findMisfits } from '../check/fit.ts';
import { camerasOfBoth, fitCase, observeOnce, withChunk } from '../check/fitCase.ts';
import { farthestFirstMove } from '../check/fitMotion.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import { type SimTaskName, simTasks } from '../sim/tasks.ts';
import { type Bundle } from '../policy/bundle/config.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import { type Misfit, type FitCase } from '../check/case.ts';

export interface CheckOptions {
  robot: 'sim' | 'ros';
  task: SimTaskName;
  seed: number;
  calibration?: string;
  simTime?: boolean;
  session?: string;
  json?: boolean;
}

/** A robot that senses; nobody commands it. */
interface LiveRobot {
  robot: Robot;
  /** As the report calls it. */
  label: string;
  prompt: string;
  /** What the calibration says of it; may be another than the one that `robot` was opened with. */
  calibration: Calibration;
  /** How its drivers take commands, where they say it. */
  modes?: readonly OperatingMode[];
  /** Makes it sense, once it is observed. */
  start: () => Promise<void>;
}

const opened = {
  async sim(options: CheckOptions): Promise<LiveRobot> {
    const path = options.calibration ?? SIM_CALIBRATION;
    const calibration = await loadCalibration(path);
    const sim = await simulatedAloha({ task: options.task });
    return {
      robot: sim,
      label:
        `the simulated ALOHA (${options.task}, seed ${options.seed})` +
        (options.calibration === undefined ? '' : ` as ${path} has it`),
      prompt: sim.prompt,
      calibration,
      start: () => sim.reset(options.seed),
    };
  },
  async ros(
    { calibration: path, simTime, task }: CheckOptions,
    bundle: Bundle,
  ): Promise<LiveRobot> {
    if (path === undefined)
      throw new UserError('--robot ros: give the calibration of the robot with --calibration FILE');
    const calibration = await loadCalibration(path);
    const { openListener } = await import('../ros/listener.ts');
    const cameras = bundle.cameras.filter((camera) =>
      calibration.cameras.some(({ name }) => name === camera),
    );
    const robot = await openListener('nalu_check', calibration, cameras, simTime ?? false);
    return {
      robot,
      modes: robot.modes,
      label: `the topics of ${path}`,
      prompt: simTasks[task].prompt,
      calibration,
      start: () => Promise.resolve(),
    };
  },
} satisfies Record<
  CheckOptions['robot'],
  (options: CheckOptions, bundle: Bundle) => Promise<LiveRobot>
>;

async function look(bundle: Bundle, live: LiveRobot, session: SessionConfig): Promise<FitCase> {
  const { robot, calibration, modes, prompt, start } = live;
  const observation = await observeOnce(robot, camerasOfBoth(bundle, robot), prompt, start);
  const fit = { ...(await fitCase(bundle, calibration, observation)), modes };
  if (!canSample(fit)) return fit;
  const policy = await openWorkerPolicy(bundle, session);
  try {
    return await withChunk(fit, policy, observation);
  } finally {
    await policy.close();
  }
}

const firstMove = (fit: FitCase) => fit.chunk && farthestFirstMove({ ...fit, chunk: fit.chunk });

/** What was looked at, a line each. */
function lookedAt(fit: FitCase): string[] {
  const { joints } = fit.robot;
  const cameras = fit.pictures.map(({ camera }) => camera);
  const move = firstMove(fit);
  const unit = move?.kind === 'gripper' ? 'of its opening' : 'rad';
  return [
    `${joints.length} joints in order, ${joints[0].name} to ${joints[joints.length - 1].name}`,
    `${cameras.length} ${cameras.length === 1 ? 'camera' : 'cameras in order'}: ${cameras.join(', ')}`,
    fit.chunk === undefined
      ? 'no chunk was sampled: what is missing must be mended first'
      : move
        ? `first tick moves at most ${move.distance.toFixed(2)} ${unit} (${move.joint})`
        : 'first tick moves nothing by a finite number',
  ];
}

const GROUPS = [
  { severity: 'error', heading: 'Errors: do not run this' },
  { severity: 'warning', heading: 'Warnings: look at these first' },
  { severity: 'note', heading: 'Notes' },
] as const;

const count = (findings: readonly Misfit[], severity: Misfit['severity']) =>
  findings.filter((finding) => finding.severity === severity).length;

function printText(bundle: Bundle, live: LiveRobot, fit: FitCase, findings: readonly Misfit[]) {
  console.log(`${bundle.name} ${bundle.version} on ${live.label}`);
  for (const line of lookedAt(fit)) console.log(`  ${line}`);
  for (const { severity, heading } of GROUPS) {
    const group = findings.filter((finding) => finding.severity === severity);
    if (group.length === 0) continue;
    console.log(`\n${heading}`);
    for (const { message } of group) console.log(`  ${message}`);
  }
  if (count(findings, 'error') === 0) console.log('\nThe policy fits the robot.');
}

function printJson(bundle: Bundle, fit: FitCase, findings: readonly Misfit[]) {
  for (const finding of findings) console.log(JSON.stringify(finding));
  const move = firstMove(fit);
  const summary = {
    policy: `${bundle.name} ${bundle.version}`,
    joints: fit.robot.joints.length,
    cameras: fit.pictures.map(({ camera }) => camera),
    firstMove: move ? { joint: move.joint, distance: move.distance } : null,
    errors: count(findings, 'error'),
    warnings: count(findings, 'warning'),
    notes: count(findings, 'note'),
  };
  console.log(JSON.stringify({ summary }));
}

/**
 * Compares a policy bundle with a robot that nobody commands, and prints what does not fit. Throws a
 * UserError if there are errors; see `nalu check --help`.
 */
export async function checkCommand(folder: string, options: CheckOptions): Promise<'done'> {
  const session = await loadSessionConfig(options.session);
  const bundle = await loadBundle(folder);
  const live = await opened[options.robot](options, bundle);
  try {
    const fit = await look(bundle, live, session);
    const findings = findMisfits(fit);
    if (options.json) printJson(bundle, fit, findings);
    else printText(bundle, live, fit, findings);
    const errors = count(findings, 'error');
    if (errors > 0)
      throw new UserError(
        `${folder} does not fit the robot: ${errors === 1 ? 'an error' : `${errors} errors`}`,
      );
    return 'done';
  } finally {
    await live.robot.close();
  }
}
