import { UserError } from '../errors.ts';
import type { Robot } from '../robot/robot.ts';
import { untilAborted } from './abort.ts';
import { awaitObservation } from './awaitObservation.ts';
import { watchClock } from './clockWatch.ts';
import { comeToRest } from './comeToRest.ts';
import { type GuardLimits, type Ruling, atRest, guard, guardLimits } from '../guard/guard.ts';
import { watchDeviations } from './deviations.ts';
import { guarded, stoppedByGuard } from '../guard/guardEvents.ts';
import { type Heartbeat, beatAges } from './heartbeat.ts';
import { createSynchroniser } from './synchroniser.ts';
import type { Synchroniser } from './synchroniser.ts';

export interface ApproachOptions {
  robot: Robot;
  /** [joints] target: rad, m, openings. */
  pose: Float64Array;
  /** rad/s; sliding joints: m/s; grippers: openings a second. */
  speed: number;
  /** Signal that must stay alive while the robot moves, if one is required. */
  heartbeat?: Heartbeat;
  signal?: AbortSignal;
}

/** Tolerance within which a measured joint counts as arrived, rad, m or openings. */
const NEAR = 0.1;
/** Timeout in seconds for the first joint state, and for arriving after the last command. */
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

async function move(approach: Approach, start: Float64Array): Promise<void> {
  const { robot, pose, speed, heartbeat, signal, synchroniser, nextStep, period } = approach;
  const { joints } = robot.embodiment;
  const limits = slowLimits(robot, speed);
  const distance = (from: ArrayLike<number>, joint: number) => Math.abs(from[joint] - pose[joint]);
  const farthest = (from: ArrayLike<number>) =>
    joints.reduce(
      (worst, _, joint) => (distance(from, joint) > distance(from, worst) ? joint : worst),
      0,
    );
  let state = atRest(start);
  let sent = robot.clock.now();
  const following = watchDeviations(robot.embodiment, start);
  const send = ({ command, next }: Ruling) => {
    state = next;
    sent = robot.clock.now();
    if (!command) return;
    robot.command(command);
    following.sent(command);
  };
  const doesNotFollow = (joint: number, measured: Float64Array) =>
    new UserError(
      `${joints[joint].name} stands at ${measured[joint].toFixed(3)} and does not go to ${pose[joint].toFixed(3)}; check its torque, that nothing blocks it, and that nothing else commands it`,
      { kind: 'unready', fields: [joints[joint].name] },
    );
  const brake = (since?: bigint) => comeToRest(robot.clock, period, limits, state, send, since);
  let deadline: bigint | undefined;
  for (;;) {
    try {
      await nextStep();
    } catch (error) {
      await brake();
      throw error;
    }
    if (signal?.aborted) return brake(sent);
    const now = robot.clock.now();
    const measured = synchroniser.newestJoints!.position;
    const lagging = farthest(measured);
    if (distance(state.command, farthest(state.command)) < 1e-6) {
      if (distance(measured, lagging) < NEAR) return;
      deadline ??= now + nanoseconds(PATIENCE);
      if (now > deadline) throw doesNotFollow(lagging, measured);
    }
    const ages = [...synchroniser.ages([], now), ...beatAges(heartbeat)];
    const ruling = guard(limits, state, pose, ages, following.of(measured));
    send(ruling);
    if (ruling.verdict === 'stop') {
      await brake();
      const away = ruling.events.find(({ rule }) => rule === 'deviation');
      if (away)
        throw doesNotFollow(
          joints.findIndex(({ name }) => name === away.source),
          measured,
        );
      throw stoppedByGuard(ruling.events);
    }
    if (ruling.verdict === 'limit' && state.move.every((by) => by === 0))
      throw guarded('the guard keeps the robot from its pose', ruling.events);
  }
}

/**
 * Moves the robot slowly from its current pose to another; every command passes the guard. Resolves when
 * the joints are measured there, or, after braking to rest, when `signal` aborts. Throws a `UserError` when a
 * joint does not follow or joint states stop arriving.
 */
export async function approach(options: ApproachOptions): Promise<void> {
  const { robot, signal } = options;
  const { clock, embodiment } = robot;
  const names = embodiment.joints.map(({ name }) => name);
  const synchroniser = createSynchroniser(names, clock);
  robot.observe(synchroniser);
  const period = nanoseconds(1 / embodiment.controlRate);
  const { orAborted, forget } = untilAborted(signal);
  const watch = watchClock(clock);
  const nextStep = () => orAborted(watch.until(clock.now() + period));
  const prepared: Approach = { ...options, synchroniser, period, nextStep };
  try {
    const awaited = { robot, synchroniser, cameras: [], prompt: '', seconds: PATIENCE, signal };
    const first = await awaitObservation(awaited);
    if (first) await move(prepared, first.joints.position);
  } finally {
    watch.close();
    forget();
  }
}
