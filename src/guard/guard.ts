import type { Embodiment } from '../robot/embodiment.ts';
import type { Breach } from './armsInSpace.ts';
import {
  type GuardAction,
  type GuardEvent,
  ageEvents,
  deviationEvents,
  verdictOf,
} from './guardEvents.ts';
import type { Deviation, GuardRule, SensorAge } from './guardEvents.ts';
import { allowedMove, braked, clamp, jointLimits, moved, pursuit } from './jointLimits.ts';
import type { JointLimits } from './jointLimits.ts';
import { type SpaceGuard, createSpaceGuard } from './spaceGuard.ts';

/** Limits of a command. */
export interface GuardLimits extends JointLimits {
  /** Absent if there are no space rules. */
  space?: SpaceGuard;
}

/** The guard's state between two steps. */
export interface GuardState {
  /** [joints] the last command, or the measured position before the first. */
  command: Float64Array;
  /** [joints] the last command minus the one before. */
  move: Float64Array;
  /** [joints] what was desired last, within the position limits; null after a hold. */
  desired: Float64Array | null;
  /** Consecutive steps whose desired positions were not all finite. */
  nonFinite: number;
  /** Violation of the space rules that the arms started with and may keep; null before the first step. */
  breach: Breach | null;
}

export interface Ruling {
  verdict: 'pass' | GuardAction;
  /** [joints] the command to send; null if no safe command is known: send nothing. */
  command: Float64Array | null;
  events: GuardEvent[];
  next: GuardState;
}

/** Amount limited without an event, rad or openings: rounding of 32-bit actions. */
const NEGLIGIBLE = 1e-6;

/** Consecutive non-finite steps that only hold; one more stops the attempt. */
export const NON_FINITE_HOLDS = 10;

/** The guard's limits for an embodiment. */
export function guardLimits(embodiment: Embodiment): GuardLimits {
  const limits = jointLimits(embodiment);
  const { space } = embodiment;
  return space ? { ...limits, space: createSpaceGuard(space, limits) } : limits;
}

/** The state of a robot at rest at measured positions [joints]. */
export const atRest = (position: Float64Array): GuardState => ({
  command: position,
  move: new Float64Array(position.length),
  desired: null,
  nonFinite: 0,
  breach: null,
});

/** Whether the arms may stop at the last command: standing still there is within the acceleration limits. */
export const mayRest = ({ change }: JointLimits, { move }: GuardState): boolean =>
  move.every((by, joint) => Math.abs(by) <= change[joint]);

const firstNonFinite = (values: Float64Array): number => {
  for (let joint = 0; joint < values.length; joint++)
    if (!Number.isFinite(values[joint])) return joint;
  return -1;
};

/** Vectors [joints] in one allocation, which is most of the cost of a step. */
function vectors(joints: number) {
  const all = new Float64Array(3 * joints);
  const [command, moves, allowed] = [0, 1, 2].map((i) =>
    all.subarray(i * joints, (i + 1) * joints),
  );
  return { command, moves, allowed };
}

/** Writes `moves` [joints] that brake. */
function brake({ change }: JointLimits, { move }: GuardState, moves: Float64Array): void {
  for (let joint = 0; joint < moves.length; joint++)
    moves[joint] = braked(move[joint], change[joint]);
}

/**
 * Writes to `moves` [joints] the moves towards `desired` within each joint's limits, and to `allowed` [joints] the
 * desired positions within the position limits. Adds an event for each limit that changed a value.
 */
function limitMoves(
  limits: GuardLimits,
  { command, move, desired: before }: GuardState,
  desired: Float64Array,
  { moves, allowed }: { moves: Float64Array; allowed: Float64Array },
  events: GuardEvent[],
): void {
  const report = (rule: GuardRule, joint: number, amount: number) => {
    if (amount > NEGLIGIBLE)
      events.push({ rule, action: 'limit', source: limits.joints[joint], amount });
  };
  for (let joint = 0; joint < desired.length; joint++) {
    const from = command[joint];
    const wanted = desired[joint];
    const goal = clamp(wanted, limits.lower[joint], limits.upper[joint]);
    allowed[joint] = goal;
    report('position', joint, Math.abs(wanted - goal));
    const step = limits.step[joint];
    report('velocity', joint, Math.abs(goal - from) - step);
    const chased = pursuit(from, goal, before ? before[joint] : goal, limits.change[joint]);
    moves[joint] = allowedMove(limits, joint, from, move[joint], chased);
    report('acceleration', joint, Math.abs(clamp(goal - from, -step, step) - moves[joint]));
  }
}

/**
 * Turns desired positions [joints] into a command within the limits of position, velocity, acceleration and space. Old
 * data, non-finite positions or arms that do not follow make the arms brake to rest; if the cause persists, the verdict
 * is `stop`. If the last command is not finite, there is no command. `desired` null means hold. The command is final:
 * later stages may convert units and change nothing else.
 */
export function guard(
  limits: GuardLimits,
  state: GuardState,
  desired: Float64Array | null,
  ages: readonly SensorAge[],
  deviations: readonly Deviation[] = [],
): Ruling {
  const events = ageEvents(ages);
  if (deviations.length > 0) events.push(...deviationEvents(deviations));
  const lost = Math.max(firstNonFinite(state.command), firstNonFinite(state.move));
  if (lost >= 0) {
    events.push({ rule: 'nonFinite', action: 'stop', source: limits.joints[lost], amount: 0 });
    return { verdict: 'stop', command: null, events, next: state };
  }

  const bad = desired === null ? -1 : firstNonFinite(desired);
  const nonFinite = bad < 0 ? 0 : state.nonFinite + 1;
  if (bad >= 0) {
    const action = nonFinite > NON_FINITE_HOLDS ? 'stop' : 'hold';
    events.push({ rule: 'nonFinite', action, source: limits.joints[bad], amount: nonFinite });
  }

  const { space } = limits;
  let breach = state.breach ?? space?.standing(state.command) ?? null;
  const { command, moves, allowed } = vectors(state.command.length);
  const follows = desired !== null && events.length === 0;
  if (!follows) brake(limits, state, moves);
  else {
    limitMoves(limits, state, desired, { moves, allowed }, events);
    if (space && breach) {
      const kept = space.shorten(state.command, state.move, moves, breach);
      events.push(...kept.events);
      breach = kept.allowed;
    }
  }
  for (let joint = 0; joint < moves.length; joint++) {
    command[joint] = moved(limits, joint, state.command[joint], moves[joint]);
    moves[joint] = command[joint] - state.command[joint];
  }
  return {
    verdict: verdictOf(events),
    command,
    events,
    next: { command, move: moves, desired: follows ? allowed : null, nonFinite, breach },
  };
}
