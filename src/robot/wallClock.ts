import { setImmediate, setTimeout } from 'node:timers/promises';

/** Timers fire late by up to this much; the rest of the wait polls. ms */
const AWAKE = 1.5;

/** Busy-wait between two turns of the event loop, ms; each turn allocates garbage. */
const GAZE = 0.1;

/**
 * Resolves at `stamp` (ns) of a clock that runs at wall speed, without blocking the event loop. If the clock
 * steps back, it resolves when `stamp` was originally due.
 */
export async function untilWall(now: () => bigint, stamp: bigint): Promise<void> {
  const end = performance.now() + Number(stamp - now()) / 1e6 + 1;
  for (;;) {
    const left = Math.min(Number(stamp - now()) / 1e6, end - performance.now());
    if (left <= 0) return;
    if (left > AWAKE + 1) await setTimeout(left - AWAKE);
    else {
      await setImmediate();
      gaze(Math.min(GAZE, Number(stamp - now()) / 1e6));
    }
  }
}

/** Iterations between two readings of the time, some microseconds: each reading allocates garbage. */
const BEATS = 2000;

function gaze(milliseconds: number) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) for (let beat = 0; beat < BEATS; beat++);
}
