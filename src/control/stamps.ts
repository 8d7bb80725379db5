import { AGE_LIMITS } from '../guard/guardEvents.ts';

/** Seconds by which a stamp may be ahead: what two computers' clocks, or the ticks of a clock, may lie apart. */
const AHEAD = 0.25;

/** What came of a source, and when. */
export interface Stamped {
  kind: 'joints' | 'camera';
  /** `joint state`, or the camera's name. */
  source: string;
  /** Nanoseconds of the robot's clock, as is `arrived`. */
  stamp: bigint;
  arrived: bigint;
}

/**
 * Why what has just arrived cannot be used, by its stamp; undefined if it can. Stamped ahead of the robot's clock it
 * would look new long after its source died, and stamped far behind as if its source were silent.
 */
export function stampFault({ kind, source, stamp, arrived }: Stamped): string | undefined {
  const behind = Number(arrived - stamp) / 1e9;
  if (behind >= -AHEAD && behind <= AGE_LIMITS[kind].stop / 1000) return undefined;
  const what = kind === 'joints' ? `the ${source}` : `camera ${source}`;
  if (stamp === 0n) return `${what} arrives without a stamp (0); have its driver fill it in`;
  const by = `${Math.abs(behind).toPrecision(2)} s ${behind < 0 ? 'ahead of' : 'behind'} the robot's clock`;
  return `${what} arrives with stamps ${by}; synchronise the clocks of the computers, or correct what its driver stamps`;
}
