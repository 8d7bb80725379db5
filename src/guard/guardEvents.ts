import { UserError } from '../errors.ts';

/** Age of a source's newest data. */
export interface SensorAge {
  kind: 'joints' | 'camera' | 'chunk' | 'heartbeat';
  /** `joint state`, the camera's name, `chunk`, or the heartbeat's topic. */
  source: string;
  /** Milliseconds. */
  age: number;
  /** Why the source's messages are unusable, if that is the cause of the age. */
  fault?: string;
}

/** A joint whose measured position deviates from its commands. */
export interface Deviation {
  joint: string;
  /** Distance from the range of its recent commands, rad. */
  distance: number;
  /** Time spent deviating within the last second, ms. */
  lasting: number;
}

export type GuardRule =
  | 'position'
  | 'velocity'
  | 'acceleration'
  | 'workspace'
  | 'distance'
  | 'nonFinite'
  | 'jointsOld'
  | 'cameraOld'
  | 'chunkOld'
  | 'heartbeat'
  | 'deviation';

/** Limit: the command was changed. Hold: the arms brake to rest. Stop: the arms brake to rest and the attempt ends. */
export type GuardAction = 'limit' | 'hold' | 'stop';

/** A rule that was triggered, and why. */
export interface GuardEvent {
  rule: GuardRule;
  action: GuardAction;
  /** Joint, arm or arms, `joint state`, camera, chunk or heartbeat. */
  source: string;
  /** Why the source's messages are unusable, if that is the cause of the age. */
  fault?: string;
  /**
   * Joint limits: rad or openings removed. Deviation: rad. Space rules: m beyond the rule. Age: milliseconds. Non-finite
   * positions: consecutive steps.
   */
  amount: number;
}

/** Age of data in milliseconds beyond which the robot holds, then stops. */
export const AGE_LIMITS = {
  joints: { rule: 'jointsOld', hold: 100, stop: 500 },
  camera: { rule: 'cameraOld', hold: 250, stop: 1000 },
  chunk: { rule: 'chunkOld', hold: 1500, stop: 3000 },
  heartbeat: { rule: 'heartbeat', hold: 250, stop: 1000 },
} as const;

/** Milliseconds of deviation within the last second beyond which the robot holds, then stops. */
export const DEVIATION_LIMITS = { hold: 100, stop: 300 };

const SEVERITY = { pass: 0, limit: 1, hold: 2, stop: 3 } as const;

/** The most severe action of the events; `pass` if there are none. */
export function verdictOf(events: readonly GuardEvent[]): 'pass' | GuardAction {
  let worst: 'pass' | GuardAction = 'pass';
  for (const { action } of events) if (SEVERITY[action] > SEVERITY[worst]) worst = action;
  return worst;
}

/** Events of sources whose data are too old. An age that is not a number counts as too old. */
export function ageEvents(ages: readonly SensorAge[]): GuardEvent[] {
  const events: GuardEvent[] = [];
  for (const { kind, source, age, fault } of ages) {
    const { rule, hold, stop } = AGE_LIMITS[kind];
    if (age <= hold) continue;
    const action = age <= stop ? 'hold' : 'stop';
    events.push({ rule, action, source, amount: age, ...(fault !== undefined && { fault }) });
  }
  return events;
}

/** Events of joints that have deviated from their commands for too long. */
export const deviationEvents = (deviations: readonly Deviation[]): GuardEvent[] =>
  deviations
    .filter(({ lasting }) => lasting > DEVIATION_LIMITS.hold)
    .map(({ joint, distance, lasting }) => ({
      rule: 'deviation',
      action: lasting <= DEVIATION_LIMITS.stop ? 'hold' : 'stop',
      source: joint,
      amount: distance,
    }));

const rad = (amount: number) => amount.toFixed(3);
const ms = (amount: number) => `${Math.round(amount)} ms`;

/** Metres as millimetres: what is beyond a rule is little. */
const mm = (amount: number) => `${(1000 * amount).toFixed(1)} mm`;

const DESCRIPTIONS: Record<GuardRule, (event: GuardEvent) => string> = {
  position: ({ source, amount }) => `${source}: ${rad(amount)} beyond its position limit`,
  velocity: ({ source, amount }) => `${source}: ${rad(amount)} a step beyond its velocity limit`,
  acceleration: ({ source, amount }) =>
    `${source}: its step was changed by ${rad(amount)}, to keep to its acceleration limit and to leave it room to brake`,
  workspace: ({ source, amount }) =>
    `${source}: its gripper would come ${mm(amount)} outside the workspace before it can brake`,
  distance: ({ source, amount }) =>
    `${source}: would come ${mm(amount)} nearer to each other than the least distance before they can brake`,
  nonFinite: ({ source, amount }) =>
    amount
      ? `${source}: the policy's action is not a finite number (${amount} steps in a row); check its normalisation statistics`
      : `${source}: its last command is not a finite number; check the joint states`,
  jointsOld: ({ source, amount, fault }) =>
    fault ?? `the ${source} is ${ms(amount)} old; check that the robot's driver is running`,
  cameraOld: ({ source, amount, fault }) =>
    fault ??
    `camera ${source}: its newest frame is ${ms(amount)} old; check that the camera is running`,
  chunkOld: ({ amount }) =>
    `the chunk in play is from an observation ${ms(amount)} ago; use a faster device or a smaller policy`,
  heartbeat: ({ source, amount }) =>
    Number.isFinite(amount)
      ? `no heartbeat on ${source} for ${ms(amount)}; check what sends it`
      : `no heartbeat on ${source}, or it said false; hold the switch down`,
  deviation: ({ source, amount }) =>
    `${source} is measured ${rad(amount)} rad away from where it is commanded; look for what else commands the arms, what blocks them, and whether their torque is on`,
};

/** Describes an event: rule, joint, arm or source, and amount. */
export const describeEvent = (event: GuardEvent): string => DESCRIPTIONS[event.rule](event);

/** The error of what the guard did, and why; its fields are the sources of the events. */
export const guarded = (what: string, events: readonly GuardEvent[]): UserError =>
  new UserError(`${what}: ${events.map(describeEvent).join('; ')}`, {
    kind: 'guarded',
    fields: events.map(({ source }) => source),
  });

/** The error of a motion that the guard ended. */
export const stoppedByGuard = (events: readonly GuardEvent[]): UserError =>
  guarded('the guard stopped the robot', events);
