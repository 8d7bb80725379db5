import type { Clock } from '../robot/robot.ts';
import { untilWall } from '../robot/wallClock.ts';
import { type Stamp, nanosecondsOf } from '../episodes/rosTime.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';

export const CLOCK = 'rosgraph_msgs/msg/Clock';

/** Milliseconds by which played sensors come before the /clock of their stamp: who wakes at it has them. */
export const SENSOR_LEAD = 6;

export const usesSimTime = (node: RosNode) => node.getParameter('use_sim_time').value === true;

/**
 * The node's clock: the wall's, or where `use_sim_time` is set that of /clock, whose messages wake
 * those who wait and passed to `onTick`. `open` tells whether waiting still makes sense; it ends with an error otherwise.
 */
export function rosClock(
  ros: Ros,
  node: RosNode,
  open: () => boolean,
  onTick: (stamp: bigint) => void,
): Clock {
  if (!usesSimTime(node)) {
    const now = () => node.getClock().now().nanoseconds;
    return {
      now,
      async until(stamp) {
        await untilWall(() => {
          if (!open()) throw new Error('The clock was used after its robot was closed.');
          return now();
        }, stamp);
      },
    };
  }

  let time = 0n;
  let waiting: { stamp: bigint; wake: () => void }[] = [];
  const tick = ({ clock }: { clock: Stamp }) => {
    const stamp = nanosecondsOf(clock);
    // A clock that repeats one time stands.
    if (stamp === time) return;
    const isBack = stamp < time;
    time = stamp;
    onTick(time);
    // Who waits for a stamp before the clock stepped back is to see that it did.
    const due = waiting.filter(({ stamp }) => isBack || stamp <= time);
    waiting = isBack ? [] : waiting.filter(({ stamp }) => stamp > time);
    for (const { wake } of due) wake();
  };
  node.createSubscription(CLOCK, '/clock', quality(ros, 'sensor'), tick);
  return {
    isExternal: true,
    now: () => time,
    async until(stamp) {
      if (time < stamp) await new Promise<void>((wake) => waiting.push({ stamp, wake }));
    },
  };
}
