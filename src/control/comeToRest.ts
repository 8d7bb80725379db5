import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../robot/robot.ts';
import { type GuardLimits, type GuardState, type Ruling, guard, mayRest } from '../guard/guard.ts';

/** Longest wait before each braking step, ms of this machine's time: the robot's clock may have stopped. */
const CLOCK_PATIENCE = 100;

/** Brakes through the guard, one step per `period` (ns), until the robot may rest (see `mayRest`). */
export async function comeToRest(
  clock: Clock,
  period: bigint,
  limits: GuardLimits,
  state: GuardState,
  send: (ruling: Ruling, now: bigint) => void,
): Promise<void> {
  for (let due = clock.now() + period; !mayRest(limits, state); due += period) {
    const patience = setTimeout(CLOCK_PATIENCE, undefined, { ref: false });
    await Promise.race([clock.until(due), patience]);
    const ruling = guard(limits, state, null, []);
    send(ruling, clock.now());
    if (!ruling.command) return;
    state = ruling.next;
  }
}
