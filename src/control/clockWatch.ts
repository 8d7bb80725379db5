import { UserError } from '../errors.ts';
import type { Clock } from '../robot/robot.ts';

/** Milliseconds of this machine's time after which a robot's clock that does not advance counts as stopped. */
const STANDSTILL = 850;
/** Milliseconds between two checks; a much longer pause means that this process itself was suspended. */
const CHECK_INTERVAL = 50;

/** Waits on a robot's clock as long as it advances; one wait at a time. */
export interface ClockWatch {
  /** Resolves at `stamp`, ns. Rejects with a `UserError` within a second if the clock stops. */
  until(stamp: bigint): Promise<void>;
  close(): void;
}

/** Watches a clock until it is closed. */
export function watchClock(clock: Clock): ClockWatch {
  let fail: ((error: UserError) => void) | undefined;
  let time = clock.now();
  let stood = 0;
  let checked = performance.now();
  const check = () => {
    const now = performance.now();
    const since = now - checked;
    checked = now;
    if (!fail || clock.now() !== time || since > 4 * CHECK_INTERVAL) stood = 0;
    else stood += since;
    time = clock.now();
    if (stood < STANDSTILL) return;
    fail?.(
      new UserError(
        `the robot's clock has stood at ${(Number(time) / 1e9).toFixed(2)} s for ${Math.round(stood)} ms; check what gives it`,
        { kind: 'invalid', subject: 'clock' },
      ),
    );
  };
  const timer = setInterval(check, CHECK_INTERVAL);
  return {
    until: (stamp) =>
      new Promise<void>((resolve, reject) => {
        fail = reject;
        clock
          .until(stamp)
          .then(resolve, reject)
          .finally(() => (fail = undefined));
      }),
    close: () => clearInterval(timer),
  };
}
