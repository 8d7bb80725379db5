import { setImmediate, setTimeout } from 'node:timers/promises';

/** Milliseconds before a stamp at which waiting goes on awake: timers come late by as much. */
const AWAKE = 1.5;

/** Milliseconds for which it then looks at nothing but the time: each turn between leaves garbage. */
const GAZE = 0.1;

/**
 * Resolves at `stamp` of a clock that goes with the wall's, ns; others have their turn meanwhile. A clock that
 * steps back keeps nobody waiting: it ends when `stamp` should have come.
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

/** Some microseconds between two looks, for each leaves garbage too. */
const BEATS = 2000;

function gaze(milliseconds: number) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) for (let beat = 0; beat < BEATS; beat++);
}
