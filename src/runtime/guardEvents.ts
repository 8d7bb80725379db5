/** How old the newest of a source's data is. */
export interface SensorAge {
  kind: 'joints' | 'camera' | 'chunk' | 'heartbeat';
  /** `joint state`, the camera's name, `chunk`, or the heartbeat's topic. */
  source: string;
  /** Milliseconds. */
  age: number;
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
  | 'heartbeat';

/** Limit: the command was changed. Hold: the arms brake to rest. Stop: they do, and the attempt ends. */
export type GuardAction = 'limit' | 'hold' | 'stop';

/** One rule that spoke, and why. */
export interface GuardEvent {
  rule: GuardRule;
  action: GuardAction;
  /** Joint, arm or arms, `joint state`, camera, chunk or heartbeat. */
  source: string;
  /** rad or openings that were taken off; m beyond; milliseconds of age; consecutive steps of non-finite desires. */
  amount: number;
}

/** Milliseconds after which old data make the robot hold, then stop. */
export const AGE_LIMITS = {
  joints: { rule: 'jointsOld', hold: 100, stop: 500 },
  camera: { rule: 'cameraOld', hold: 250, stop: 1000 },
  chunk: { rule: 'chunkOld', hold: 1500, stop: 3000 },
  heartbeat: { rule: 'heartbeat', hold: 250, stop: 1000 },
} as const;

const SEVERITY = { pass: 0, limit: 1, hold: 2, stop: 3 } as const;

/** The most severe of what the events do; pass without any. */
export function verdictOf(events: readonly GuardEvent[]): 'pass' | GuardAction {
  let worst: 'pass' | GuardAction = 'pass';
  for (const { action } of events) if (SEVERITY[action] > SEVERITY[worst]) worst = action;
  return worst;
}

/** What is too old, or not known to be young enough. */
export function ageEvents(ages: readonly SensorAge[]): GuardEvent[] {
  const events: GuardEvent[] = [];
  for (const { kind, source, age } of ages) {
    const { rule, hold, stop } = AGE_LIMITS[kind];
    if (age <= hold) continue;
    events.push({ rule, action: age <= stop ? 'hold' : 'stop', source, amount: age });
  }
  return events;
}

const rad = (amount: number) => amount.toFixed(3);
const ms = (amount: number) => `${Math.round(amount)} ms`;

const SAYINGS: Record<GuardRule, (event: GuardEvent) => string> = {
  position: ({ source, amount }) => `${source}: ${rad(amount)} beyond its position limit`,
  velocity: ({ source, amount }) => `${source}: ${rad(amount)} a step beyond its velocity limit`,
  acceleration: ({ source, amount }) =>
    `${source}: ${rad(amount)} a step from where its acceleration limit, and room to brake, let it go`,
  workspace: ({ source, amount }) =>
    `${source}: its gripper would come ${rad(amount)} m outside the workspace before it can brake`,
  distance: ({ source, amount }) =>
    `${source}: would come ${rad(amount)} m nearer to each other than the least distance before they can brake`,
  nonFinite: ({ source, amount }) =>
    amount
      ? `${source}: the policy's action is not a finite number (${amount} steps in a row); check its normalisation statistics`
      : `${source}: its last command is not a finite number; check the joint states`,
  jointsOld: ({ amount }) =>
    `the joint state is ${ms(amount)} old; check that the robot's driver is running`,
  cameraOld: ({ source, amount }) =>
    `camera ${source}: its newest frame is ${ms(amount)} old; check that the camera is running`,
  chunkOld: ({ amount }) =>
    `the chunk in play is from an observation ${ms(amount)} ago; use a faster device or a smaller policy`,
  heartbeat: ({ source, amount }) =>
    Number.isFinite(amount)
      ? `no heartbeat on ${source} for ${ms(amount)}; check what sends it`
      : `no heartbeat on ${source}, or it said false; hold the switch down`,
};

/** An event in words: which rule, which joint, arm or source, by how much. */
export const describeEvent = (event: GuardEvent): string => SAYINGS[event.rule](event);
