import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../robot/robot.ts';
import { type GuardLimits, type GuardState, type Ruling, guard, mayRest } from '../guard/guard.ts';

/** Longest wait before each braking step, ms of this machine's time: the robot's clock may have stopped. */
const CLOCK_PATIENCE = 100;

/** How far `now` is between two commands, 0 to 1. */
const shareOf = (now: bigint, since: bigint, period: bigint) =>
  Math.max(0, Math.min(1, Number(now - since) / Number(period)));

/** The point at `share` of the way from the last command to the braking one: where the arms are led anyway. */
function onTheWay({ command, ...ruling }: Ruling, state: GuardState, share: number): Ruling {
  const point = command?.map((to, joint) => {
    const from = state.command[joint];
    return from + share * (to - from);
  });
  return { ...ruling, command: point ?? null, next: state };
}

/**
 * Brakes through the guard, one step per `period` (ns), until the robot may rest (see `mayRest`). With `since`, the
 * stamp of the last command, it brakes without waiting for the next step: between two steps it sends the point that
 * the braking arms are to have reached by then.
 */
export async function comeToRest(
  clock: Clock,
  period: bigint,
  limits: GuardLimits,
  state: GuardState,
  send: (ruling: Ruling, now: bigint) => void,
  since?: bigint,
): Promise<void> {
  const began = clock.now();
  if (since !== undefined && !mayRest(limits, state)) {
    const share = shareOf(began, since, period);
    if (share < 1) send(onTheWay(guard(limits, state, null, []), state, share), began);
  }
  for (let due = (since ?? began) + period; !mayRest(limits, state); due += period) {
    const patience = setTimeout(CLOCK_PATIENCE, undefined, { ref: false });
    await Promise.race([clock.until(due), patience]);
    const ruling = guard(limits, state, null, []);
    send(ruling, clock.now());
    if (!ruling.command) return;
    state = ruling.next;
  }
}
