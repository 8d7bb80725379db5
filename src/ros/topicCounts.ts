import { type Stamped, stampFault } from '../control/stamps.ts';

/** What has come over a topic. */
export interface TopicCount {
  topic: string;
  /** The message type that it must have. */
  type: string;
  /** `joint state`, `clock`, or the camera's name. */
  source: string;
  messages: number;
  /** Of the newest usable message, ns; undefined before the first. */
  stamp: bigint | undefined;
  /** When that arrived, ms of this machine's time (`performance.now`). */
  arrived: number | undefined;
  /** What is wrong with its newest message; undefined if nothing. */
  problem: string | undefined;
}

export const newCount = (topic: string, type: string, source: string): TopicCount => ({
  ...{ topic, type, source, messages: 0 },
  ...{ stamp: undefined, arrived: undefined, problem: undefined },
});

/** Whether two stamps, ns, are of clocks that do not count the same time: simulated, and the wall's. */
const otherTime = (a: bigint, b: bigint) => Math.abs(Number(a - b)) > 1e15 && a !== 0n;

/**
 * Counts a message that came over a topic at `now` (ns of the robot's clock): usable, or why not. What is not usable
 * still reaches the guard, which names it too.
 */
export function countMessage(count: TopicCount, came: Omit<Stamped, 'arrived'>, now: bigint): void {
  // Before the first /clock there is no time to compare a stamp with.
  const fault = now === 0n ? undefined : stampFault({ ...came, arrived: now });
  if (fault !== undefined)
    count.problem = `${count.topic}: ${fault}${otherTime(came.stamp, now) ? '; set use_sim_time alike for its driver and this node' : ''}`;
  else
    Object.assign(count, {
      stamp: came.stamp,
      arrived: performance.now(),
      problem: undefined,
    });
}
