import type { Embodiment } from '../robot/embodiment.ts';

/** What a command may be, joint by joint: rad, grippers in openings. */
export interface GuardLimits {
  joints: readonly string[];
  lower: Float64Array;
  upper: Float64Array;
  /** Farthest move in one control step. */
  step: Float64Array;
}

/** How old the newest of a source's data is. */
export interface SensorAge {
  kind: 'joints' | 'camera';
  /** `joint state`, or the camera's name. */
  source: string;
  /** Milliseconds. */
  age: number;
}

export type GuardRule = 'position' | 'velocity' | 'nonFinite' | 'jointsOld' | 'cameraOld';

/** Limit: the command was changed. Hold: the last one is repeated. Stop: it is the last. */
export type GuardAction = 'limit' | 'hold' | 'stop';

/** One rule that spoke, and why. */
export interface GuardEvent {
  rule: GuardRule;
  action: GuardAction;
  /** Joint, `joint state` or camera. */
  source: string;
  /** rad or openings that were taken off; milliseconds of age; consecutive steps of non-finite desires. */
  amount: number;
}

/** What the guard remembers from one step to the next. */
export interface GuardState {
  /** [joints] the last command, or the measured position before the first. */
  command: Float64Array;
  /** Consecutive steps whose desired positions were not all finite. */
  nonFinite: number;
}

export interface Ruling {
  verdict: 'pass' | GuardAction;
  /** [joints] what to send; null if no safe command is known, then nothing may be sent. */
  command: Float64Array | null;
  events: GuardEvent[];
  next: GuardState;
}

/** Milliseconds after which old data make the robot hold, then stop. */
export const AGE_LIMITS = {
  joints: { rule: 'jointsOld', hold: 100, stop: 500 },
  camera: { rule: 'cameraOld', hold: 250, stop: 1000 },
} as const;

/** rad or openings: rounding of 32-bit actions, limited without a word. */
const NEGLIGIBLE = 1e-6;

/** Consecutive non-finite steps that are held; the next one stops. */
export const NON_FINITE_HOLDS = 10;

/** An embodiment's limits, velocities turned into moves per control step. */
export function guardLimits({ joints, controlRate }: Embodiment): GuardLimits {
  return {
    joints: joints.map((joint) => joint.name),
    lower: Float64Array.from(joints, (joint) => joint.lower),
    upper: Float64Array.from(joints, (joint) => joint.upper),
    step: Float64Array.from(joints, (joint) => joint.velocity / controlRate),
  };
}

const clamp = (value: number, lower: number, upper: number) =>
  Math.min(Math.max(value, lower), upper);

const inside = (limits: GuardLimits, command: Float64Array) =>
  limits.lower.map((lower, joint) => clamp(command[joint], lower, limits.upper[joint]));

const severity = { pass: 0, limit: 1, hold: 2, stop: 3 } as const;

function ageEvents(ages: readonly SensorAge[]): GuardEvent[] {
  return ages.flatMap(({ kind, source, age }) => {
    const { rule, hold, stop } = AGE_LIMITS[kind];
    if (age <= hold) return [];
    return [{ rule, action: age <= stop ? 'hold' : 'stop', source, amount: age }];
  });
}

function limitStep(limits: GuardLimits, from: Float64Array, desired: Float64Array) {
  const events: GuardEvent[] = [];
  const command = limits.lower.map((lower, joint) => {
    const limit = (rule: GuardRule, amount: number) => {
      if (amount > NEGLIGIBLE)
        events.push({ rule, action: 'limit', source: limits.joints[joint], amount });
    };
    const upper = limits.upper[joint];
    const step = limits.step[joint];
    const wanted = desired[joint];
    const allowed = clamp(wanted, lower, upper);
    limit('position', Math.abs(wanted - allowed));
    const move = allowed - from[joint];
    limit('velocity', Math.abs(move) - step);
    return clamp(from[joint] + clamp(move, -step, step), lower, upper);
  });
  return { command, events };
}

/**
 * Turns desired positions [joints] into a command that breaks neither position nor velocity limits.
 * Old data or non-finite desires hold the last command, and stop the attempt when they last; with no
 * finite last command to hold there is no command at all. A `null` desire asks to hold.
 */
export function guard(
  limits: GuardLimits,
  state: GuardState,
  desired: Float64Array | null,
  ages: readonly SensorAge[],
): Ruling {
  const events = ageEvents(ages);
  const lost = limits.joints.findIndex((_, joint) => !Number.isFinite(state.command[joint]));
  if (lost >= 0) {
    events.push({ rule: 'nonFinite', action: 'stop', source: limits.joints[lost], amount: 0 });
    return { verdict: 'stop', command: null, events, next: state };
  }

  const held = inside(limits, state.command);
  const bad =
    desired === null ? -1 : limits.joints.findIndex((_, joint) => !Number.isFinite(desired[joint]));
  const nonFinite = bad < 0 ? 0 : state.nonFinite + 1;
  if (bad >= 0)
    events.push({
      rule: 'nonFinite',
      action: nonFinite > NON_FINITE_HOLDS ? 'stop' : 'hold',
      source: limits.joints[bad],
      amount: nonFinite,
    });

  let command = held;
  if (desired !== null && events.length === 0) {
    const limited = limitStep(limits, held, desired);
    command = limited.command;
    events.push(...limited.events);
  }
  const verdict = events.reduce<Ruling['verdict']>(
    (worst, { action }) => (severity[action] > severity[worst] ? action : worst),
    'pass',
  );
  return { verdict, command, events, next: { command, nonFinite } };
}

const rad = (amount: number) => amount.toFixed(3);
const ms = (amount: number) => `${Math.round(amount)} ms`;

const SAYINGS: Record<GuardRule, (event: GuardEvent) => string> = {
  position: ({ source, amount }) => `${source}: ${rad(amount)} beyond its position limit`,
  velocity: ({ source, amount }) => `${source}: ${rad(amount)} a step beyond its velocity limit`,
  nonFinite: ({ source, amount }) =>
    amount
      ? `${source}: the policy's action is not a finite number (${amount} steps in a row); check its normalisation statistics`
      : `${source}: its last command is not a finite number; check the joint states`,
  jointsOld: ({ amount }) =>
    `the joint state is ${ms(amount)} old; check that the robot's driver is running`,
  cameraOld: ({ source, amount }) =>
    `camera ${source}: its newest frame is ${ms(amount)} old; check that the camera is running`,
};

/** An event in words: which rule, which joint or camera, by how much. */
export const describeEvent = (event: GuardEvent): string => SAYINGS[event.rule](event);
