import type { SensorAge } from '../guard/guardEvents.ts';

/** Something that must keep saying that the robot may move: an operator's stop, a dead man's switch. */
export interface Heartbeat {
  /** How it is called in messages. */
  source: string;
  /** Milliseconds of this machine's own clock since the last beat; infinite before the first and when let go. */
  age(): number;
}

/** The heartbeat's age for the guard; nothing where there is none. */
export const beatAges = (heartbeat: Heartbeat | undefined): SensorAge[] =>
  heartbeat ? [{ kind: 'heartbeat', source: heartbeat.source, age: heartbeat.age() }] : [];
