import { UserError } from '../errors.ts';
import type { Clock } from '../robot/robot.ts';

/** Milliseconds of this machine's time after which a robot's clock that does not go on is given up. */
const STANDSTILL = 850;
/** Milliseconds between two looks; after a longer pause this process stood still itself. */
const LOOK = 50;

/** Waits on a robot's clock, and no longer than it goes on; one wait at a time. */
export interface ClockWatch {
  /** Resolves at `stamp`, ns. Rejects with a `UserError` within a second where time stands still. */
  until(stamp: bigint): Promise<void>;
  close(): void;
}

/** Watches a clock until it is closed. */
export function watchClock(clock: Clock): ClockWatch {
  let fail: ((error: UserError) => void) | undefined;
  let time = clock.now();
  let stood = 0;
  let looked = performance.now();
  const look = () => {
    const now = performance.now();
    const since = now - looked;
    looked = now;
    if (!fail || clock.now() !== time || since > 4 * LOOK) stood = 0;
    else stood += since;
    time = clock.now();
    if (stood < STANDSTILL) return;
    fail?.(
      new UserError(
        `the robot's clock has stood at ${(Number(time) / 1e9).toFixed(2)} s for ${Math.round(stood)} ms; check what gives it`,
      ),
    );
  };
  const looks = setInterval(look, LOOK);
  return {
    until: (stamp) =>
      new Promise<void>((resolve, reject) => {
        fail = reject;
        clock
          .until(stamp)
          .then(resolve, reject)
          .finally(() => (fail = undefined));
      }),
    close: () => clearInterval(looks),
  };
}
