import { UserError } from '../errors.ts';
import type { Robot } from '../robot/robot.ts';
import { describeEvent, guard, guardLimits } from './guard.ts';
import type { GuardLimits, GuardState } from './guard.ts';
import { createSynchroniser, describeLacks } from './synchroniser.ts';

export interface ApproachOptions {
  robot: Robot;
  /** [joints] where to go: rad, openings. */
  pose: Float64Array;
  /** rad/s; grippers: openings a second. */
  speed: number;
  signal?: AbortSignal;
}

/** rad or openings within which a measured joint is where it should be. */
const NEAR = 0.1;
/** Seconds that the robot may take to show its joints, and to arrive once the last command is out. */
const PATIENCE = 5;

/** Slow limits that hold the place where the robot stands, even where that is outside the usual ones. */
function slowLimits(robot: Robot, start: Float64Array, speed: number): GuardLimits {
  const limits = guardLimits(robot.embodiment);
  const step = speed / robot.embodiment.controlRate;
  return {
    ...limits,
    lower: limits.lower.map((lower, joint) => Math.min(lower, start[joint])),
    upper: limits.upper.map((upper, joint) => Math.max(upper, start[joint])),
    step: limits.step.map((usual) => Math.min(usual, step)),
  };
}

/**
 * Moves the robot slowly, behind the guard, from wherever it stands to a pose. Resolves when it is
 * measured there, or with the robot held where it is when `signal` aborts. Throws a `UserError` when a
 * joint does not follow or its state stays away.
 */
export async function approach({ robot, pose, speed, signal }: ApproachOptions): Promise<void> {
  const { clock, embodiment } = robot;
  const names = embodiment.joints.map(({ name }) => name);
  const synchroniser = createSynchroniser(names);
  robot.observe(synchroniser);
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const seconds = (count: number) => BigInt(Math.round(count * 1e9));

  const nextStep = () => clock.until(clock.now() + period);
  const deadline = clock.now() + seconds(PATIENCE);
  while ('lacks' in synchroniser.take([], '', clock.now())) {
    if (signal?.aborted) return;
    if (clock.now() > deadline)
      throw new UserError(
        `no joint state within ${PATIENCE} s: ${describeLacks([], synchroniser.refused) || 'check that the robot’s driver is running'}`,
      );
    await nextStep();
  }

  const start = synchroniser.newestJoints!.position;
  const limits = slowLimits(robot, start, speed);
  let state: GuardState = { command: start, nonFinite: 0 };
  const farthest = (from: ArrayLike<number>) =>
    names.reduce((worst, _, joint) => {
      const distance = (at: number) => Math.abs(from[at] - pose[at]);
      return distance(joint) > distance(worst) ? joint : worst;
    }, 0);

  let arrivedBy: bigint | undefined;
  for (;;) {
    await nextStep();
    if (signal?.aborted) return;
    const now = clock.now();
    const measured = synchroniser.newestJoints!.position;
    const lagging = farthest(measured);
    const commanded = farthest(state.command);
    if (Math.abs(state.command[commanded] - pose[commanded]) < 1e-6) {
      arrivedBy ??= now + seconds(PATIENCE);
      if (Math.abs(measured[lagging] - pose[lagging]) < NEAR) return;
      if (now > arrivedBy)
        throw new UserError(
          `${names[lagging]} stands at ${measured[lagging].toFixed(3)} and does not go to ${pose[lagging].toFixed(3)}; check its torque, and that nothing blocks it`,
        );
    }
    const ruling = guard(limits, state, pose, synchroniser.ages([], now));
    state = ruling.next;
    if (ruling.command) robot.command(ruling.command);
    if (ruling.verdict === 'stop')
      throw new UserError(
        `the guard stopped the robot: ${ruling.events.map(describeEvent).join('; ')}`,
      );
  }
}
