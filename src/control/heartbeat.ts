import type { SensorAge } from '../guard/guardEvents.ts';

/** A signal that must be repeated for the robot to move: an operator's enabling switch. */
export interface Heartbeat {
  /** Its name in messages. */
  source: string;
  /** Milliseconds of this machine's own clock since the last beat; infinite before the first beat and after a release. */
  age(): number;
}

/** The heartbeat's age for the guard; nothing where there is none. */
export const beatAges = (heartbeat: Heartbeat | undefined): SensorAge[] =>
  heartbeat ? [{ kind: 'heartbeat', source: heartbeat.source, age: heartbeat.age() }] : [];
