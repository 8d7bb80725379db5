import { AGE_LIMITS } from '../guard/guardEvents.ts';

/** Largest lead of a stamp over the robot's clock, seconds: allows for skew between computers and coarse clock ticks. */
const AHEAD = 0.25;

/** A message's source, stamp and arrival. */
export interface Stamped {
  kind: 'joints' | 'camera';
  /** `joint state`, or the camera's name. */
  source: string;
  /** Nanoseconds of the robot's clock, as is `arrived`. */
  stamp: bigint;
  arrived: bigint;
}

/**
 * Why a message that has just arrived is unusable by its stamp; undefined if it is usable. A stamp ahead of the robot's
 * clock would hide a dead source; a stamp far behind would make a live source look dead.
 */
export function stampFault({ kind, source, stamp, arrived }: Stamped): string | undefined {
  const behind = Number(arrived - stamp) / 1e9;
  if (behind >= -AHEAD && behind <= AGE_LIMITS[kind].stop / 1000) return undefined;
  const what = kind === 'joints' ? `the ${source}` : `camera ${source}`;
  if (stamp === 0n) return `${what} arrives without a stamp (0); have its driver fill it in`;
  const by = `${Math.abs(behind).toPrecision(2)} s ${behind < 0 ? 'ahead of' : 'behind'} the robot's clock`;
  return `${what} arrives with stamps ${by}; synchronise the clocks of the computers, or correct what its driver stamps`;
}
