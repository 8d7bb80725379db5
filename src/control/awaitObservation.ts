import { UserError } from '../errors.ts';
import type { Observation } from '../policy/chunkPolicy.ts';
import { controlPeriod } from '../robot/embodiment.ts';
import type { Robot } from '../robot/robot.ts';
import { untilAborted } from './abort.ts';
import { watchClock } from './clockWatch.ts';
import { type Synchroniser, describeMissing } from './synchroniser.ts';

/** Default timeout, seconds. */
const LONGEST_WAIT = 10;
/** Seconds for which unusable messages are tolerated. */
const LONGEST_FAULT = 0.5;

export interface Awaited {
  robot: Robot;
  synchroniser: Synchroniser;
  cameras: readonly string[];
  prompt: string;
  /** Seconds to wait at most. */
  seconds?: number;
  /** Whether to accept an observation. By default any. */
  accept?: (observation: Observation) => boolean;
  signal?: AbortSignal;
}

/**
 * Waits for an observation; null when `signal` aborts. Throws a `UserError` that names the missing sources after
 * `seconds`, or unusable messages after `LONGEST_FAULT`.
 */
export async function awaitObservation({
  robot: { clock, embodiment },
  synchroniser,
  cameras,
  prompt,
  seconds = LONGEST_WAIT,
  accept = () => true,
  signal,
}: Awaited): Promise<Observation | null> {
  const step = controlPeriod(embodiment);
  const { orAborted, forget } = untilAborted(signal);
  const watch = watchClock(clock);
  const began = clock.now();
  try {
    for (;;) {
      if (signal?.aborted) return null;
      const now = clock.now();
      const waited = Number(now - began) / 1e9;
      const taken = synchroniser.take(cameras, prompt, now);
      if ('observation' in taken && accept(taken.observation)) return taken.observation;
      const missing = 'missing' in taken ? taken.missing : [];
      const faulty = missing.filter(({ fault }) => fault !== undefined);
      if (faulty.length > 0 && waited >= LONGEST_FAULT)
        throw new UserError(faulty.map(({ fault }) => fault).join('; '), {
          kind: 'invalid',
          fields: faulty.map(({ source }) => source),
        });
      if (waited >= seconds)
        throw new UserError(
          `no ${cameras.length > 0 ? 'observation' : 'joint state'} within ${seconds} s: ${describeMissing(missing, synchroniser.refused)}; check that the robot's ${cameras.length > 0 ? 'driver and cameras are' : 'driver is'} running`,
          { kind: 'unreachable', fields: missing.map(({ source }) => source) },
        );
      await orAborted(watch.until(now + step));
    }
  } finally {
    watch.close();
    forget();
  }
}
