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

/** What a command may be. */
export interface GuardLimits extends JointLimits {
  /** Absent where the arms may be anywhere. */
  space?: SpaceGuard;
}

/** What the guard remembers from one step to the next. */
export interface GuardState {
  /** [joints] the last command, or the measured position before the first. */
  command: Float64Array;
  /** [joints] the last command less the one before. */
  move: Float64Array;
  /** [joints] what was desired last, within the position limits; null after a hold. */
  desired: Float64Array | null;
  /** Consecutive steps whose desired positions were not all finite. */
  nonFinite: number;
  /** What the arms may break of the rules of space, because they began so; null before the first step. */
  breach: Breach | null;
}

export interface Ruling {
  verdict: 'pass' | GuardAction;
  /** [joints] what to send; null if no safe command is known, then nothing may be sent. */
  command: Float64Array | null;
  events: GuardEvent[];
  next: GuardState;
}

/** rad or openings: rounding of 32-bit actions, limited without a word. */
const NEGLIGIBLE = 1e-6;

/** Consecutive non-finite steps that are held; the next one stops. */
export const NON_FINITE_HOLDS = 10;

/** An embodiment's limits as the guard keeps them. */
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

/** Whether the last command may be the last: to stay there is within the acceleration limits. */
export const mayRest = ({ change }: JointLimits, { move }: GuardState): boolean =>
  move.every((by, joint) => Math.abs(by) <= change[joint]);

const firstNonFinite = (values: Float64Array): number => {
  for (let joint = 0; joint < values.length; joint++)
    if (!Number.isFinite(values[joint])) return joint;
  return -1;
};

/** Vectors [joints] in one piece of memory, which is most of what a step costs. */
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
 * Writes `moves` [joints] towards what is desired, within the limits of each joint, and what is desired
 * within the position limits; tells what they took off.
 */
function limitMoves(
  limits: GuardLimits,
  { command, move, desired: before }: GuardState,
  desired: Float64Array,
  { moves, allowed }: { moves: Float64Array; allowed: Float64Array },
  events: GuardEvent[],
): void {
  const tell = (rule: GuardRule, joint: number, amount: number) => {
    if (amount > NEGLIGIBLE)
      events.push({ rule, action: 'limit', source: limits.joints[joint], amount });
  };
  for (let joint = 0; joint < desired.length; joint++) {
    const from = command[joint];
    const wanted = desired[joint];
    const goal = clamp(wanted, limits.lower[joint], limits.upper[joint]);
    allowed[joint] = goal;
    tell('position', joint, Math.abs(wanted - goal));
    const step = limits.step[joint];
    tell('velocity', joint, Math.abs(goal - from) - step);
    const chased = pursuit(from, goal, before ? before[joint] : goal, limits.change[joint]);
    moves[joint] = allowedMove(limits, joint, from, move[joint], chased);
    tell('acceleration', joint, Math.abs(clamp(goal - from, -step, step) - moves[joint]));
  }
}

/**
 * Turns desired positions [joints] into a command that breaks no limit of position, velocity, acceleration
 * or space. Old data, non-finite desires or arms that do not follow make the arms brake to rest, and stop the attempt when they last;
 * with no finite last command there is none at all. A `null` desire asks to hold. What it gives is what is
 * to be sent: nothing after it may change more than the units.
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
