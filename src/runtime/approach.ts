import { UserError } from '../errors.ts';
import type { Robot } from '../robot/robot.ts';
import { untilAborted } from './abort.ts';
import { comeToRest } from './comeToRest.ts';
import { type GuardLimits, type Ruling, atRest, guard, guardLimits } from './guard.ts';
import { describeEvent } from './guardEvents.ts';
import { type Heartbeat, beatAges } from './heartbeat.ts';
import { createSynchroniser, describeLacks } from './synchroniser.ts';
import type { Synchroniser } from './synchroniser.ts';

export interface ApproachOptions {
  robot: Robot;
  /** [joints] where to go: rad, openings. */
  pose: Float64Array;
  /** rad/s; grippers: openings a second. */
  speed: number;
  /** What must keep beating while the robot moves, if anything must. */
  heartbeat?: Heartbeat;
  signal?: AbortSignal;
}

/** rad or openings within which a measured joint is where it should be. */
const NEAR = 0.1;
/** Seconds that the robot may take to show its joints, and to arrive once the last command is out. */
const PATIENCE = 5;

function slowLimits({ embodiment }: Robot, speed: number): GuardLimits {
  const limits = guardLimits(embodiment);
  const step = speed / embodiment.controlRate;
  return { ...limits, step: limits.step.map((usual) => Math.min(usual, step)) };
}

interface Approach extends ApproachOptions {
  synchroniser: Synchroniser;
  /** Nanoseconds of a control step. */
  period: bigint;
  /** Resolves a control step later, or when the approach is aborted. */
  nextStep: () => Promise<void>;
}

const nanoseconds = (seconds: number) => BigInt(Math.round(seconds * 1e9));

/** The measured joints; undefined when the approach is aborted before there are any. */
async function measuredJoints({ robot, signal, synchroniser, nextStep }: Approach) {
  const deadline = robot.clock.now() + nanoseconds(PATIENCE);
  while ('lacks' in synchroniser.take([], '', robot.clock.now())) {
    if (signal?.aborted) return undefined;
    if (robot.clock.now() > deadline)
      throw new UserError(
        `no joint state within ${PATIENCE} s: ${describeLacks([], synchroniser.refused) || "check that the robot's driver is running"}`,
      );
    await nextStep();
  }
  return synchroniser.newestJoints!.position;
}

async function move(given: Approach, start: Float64Array): Promise<void> {
  const { robot, pose, speed, heartbeat, signal, synchroniser, nextStep, period } = given;
  const { joints } = robot.embodiment;
  const limits = slowLimits(robot, speed);
  const distance = (from: ArrayLike<number>, joint: number) => Math.abs(from[joint] - pose[joint]);
  const farthest = (from: ArrayLike<number>) =>
    joints.reduce(
      (worst, _, joint) => (distance(from, joint) > distance(from, worst) ? joint : worst),
      0,
    );
  let state = atRest(start);
  const send = ({ command, next }: Ruling) => {
    state = next;
    if (command) robot.command(command);
  };
  const brake = () => comeToRest(robot.clock, period, limits, state, send);
  let deadline: bigint | undefined;
  for (;;) {
    await nextStep();
    if (signal?.aborted) return brake();
    const now = robot.clock.now();
    const measured = synchroniser.newestJoints!.position;
    const lagging = farthest(measured);
    if (distance(state.command, farthest(state.command)) < 1e-6) {
      if (distance(measured, lagging) < NEAR) return;
      deadline ??= now + nanoseconds(PATIENCE);
      if (now > deadline)
        throw new UserError(
          `${joints[lagging].name} stands at ${measured[lagging].toFixed(3)} and does not go to ${pose[lagging].toFixed(3)}; check its torque, and that nothing blocks it`,
        );
    }
    const ages = [...synchroniser.ages([], now), ...beatAges(heartbeat)];
    const ruling = guard(limits, state, pose, ages);
    send(ruling);
    const said = () => ruling.events.map(describeEvent).join('; ');
    if (ruling.verdict === 'stop') {
      await brake();
      throw new UserError(`the guard stopped the robot: ${said()}`);
    }
    if (ruling.verdict === 'limit' && state.move.every((by) => by === 0))
      throw new UserError(`the guard keeps the robot from its pose: ${said()}`);
  }
}

/**
 * Moves the robot slowly, behind the guard, from wherever it stands to a pose. Resolves when it is
 * measured there, or with the robot held where it is when `signal` aborts. Throws a `UserError` when a
 * joint does not follow or its state stays away.
 */
export async function approach(options: ApproachOptions): Promise<void> {
  const { robot, signal } = options;
  const { clock, embodiment } = robot;
  const synchroniser = createSynchroniser(embodiment.joints.map(({ name }) => name));
  robot.observe(synchroniser);
  const period = nanoseconds(1 / embodiment.controlRate);
  const { orAborted, forget } = untilAborted(signal);
  const nextStep = () => orAborted(clock.until(clock.now() + period));
  const given: Approach = { ...options, synchroniser, period, nextStep };
  try {
    const start = await measuredJoints(given);
    if (start) await move(given, start);
  } finally {
    forget();
  }
}
