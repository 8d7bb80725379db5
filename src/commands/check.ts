import { UserError } from '../errors.ts';
import { type SessionConfig, loadSessionConfig } from '../onnx/session.ts';
import { type Bundle, loadBundle } from '../policy/bundle.ts';
import type { Observation } from '../policy/chunkPolicy.ts';
import { openWorkerPolicy } from '../policy/workerPolicy.ts';
import { type Calibration, embodimentOf, loadCalibration } from '../robot/calibration.ts';
import type { Robot } from '../robot/robot.ts';
import { type Finding, type FitCase, canSample, findMisfits } from '../runtime/fit.ts';
import { farthestFirstMove } from '../runtime/fitMotion.ts';
import { createSynchroniser, describeLacks } from '../runtime/synchroniser.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/tasks.ts';

export interface CheckOptions {
  robot: 'sim';
  task: SimTaskName;
  seed: number;
  calibration?: string;
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
  /** Makes it sense, once it is observed. */
  start: () => Promise<void>;
}

/** Opens the robot that `--robot` names. Throws a UserError if it is not there or not as calibrated. */
async function openLiveRobot(options: CheckOptions): Promise<LiveRobot> {
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
}

/** Seconds that a robot has to show its joints and cameras. */
const LONGEST_WAIT = 10;

/** One observation through these cameras. Throws a UserError that says what does not come. */
async function observe(live: LiveRobot, cameras: readonly string[]): Promise<Observation> {
  const { clock, embodiment } = live.robot;
  const synchroniser = createSynchroniser(embodiment.joints.map(({ name }) => name));
  live.robot.observe(synchroniser);
  await live.start();
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const deadline = clock.now() + BigInt(LONGEST_WAIT * 1e9);
  for (;;) {
    const now = clock.now();
    const taken = synchroniser.take(cameras, live.prompt, now);
    if ('observation' in taken) return taken.observation;
    if (now >= deadline)
      throw new UserError(
        `no observation within ${LONGEST_WAIT} s: ${describeLacks(taken.lacks, synchroniser.refused)}; check that the robot's driver and cameras are running`,
      );
    await clock.until(now + period);
  }
}

/** [horizon, joints] the policy's chunk from zero noise. */
async function sampleChunk(bundle: Bundle, observation: Observation, session: SessionConfig) {
  const policy = await openWorkerPolicy(bundle, session);
  try {
    return (await policy.sample(observation, 'zero')).actions;
  } finally {
    await policy.close();
  }
}

async function look(bundle: Bundle, live: LiveRobot, session: SessionConfig): Promise<FitCase> {
  const sensed = live.robot.embodiment.cameras.map(({ name }) => name);
  const seen = bundle.cameras.filter((camera) => sensed.includes(camera));
  const observation = await observe(live, seen);
  const pictures = observation.frames.map(async (frame) => ({
    camera: frame.camera,
    pixels: await frame.pixels(),
  }));
  const fit: FitCase = {
    policy: bundle,
    robot: embodimentOf(live.calibration),
    position: observation.joints.position,
    pictures: await Promise.all(pictures),
    exposure: new Map(live.calibration.cameras.map(({ name, exposure }) => [name, exposure])),
  };
  const complete = seen.length === bundle.cameras.length && canSample(fit);
  return complete ? { ...fit, chunk: await sampleChunk(bundle, observation, session) } : fit;
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

const count = (findings: readonly Finding[], severity: Finding['severity']) =>
  findings.filter((finding) => finding.severity === severity).length;

function printText(bundle: Bundle, live: LiveRobot, fit: FitCase, findings: readonly Finding[]) {
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

function printJson(bundle: Bundle, fit: FitCase, findings: readonly Finding[]) {
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
  const live = await openLiveRobot(options);
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
