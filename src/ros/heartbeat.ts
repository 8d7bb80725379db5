import type { Heartbeat } from '../control/heartbeat.ts';
import { edge } from './edge.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';

/** A heartbeat over a topic, listened to until it is closed. */
export interface ListenedHeartbeat extends Heartbeat {
  close(): void;
}

/**
 * Listens to a std_msgs/Bool topic: each true is a beat, a false lets go until the next true. Time is this
 * machine's own, whatever the robot's clock does.
 */
export function listenToHeartbeat(
  ros: Ros,
  node: RosNode,
  topic: string,
  now: () => number = () => performance.now(),
): ListenedHeartbeat {
  let beat = -Infinity;
  const take = ({ data }: { data: boolean }) => {
    beat = data ? now() : -Infinity;
  };
  const onFault = (error: unknown) => node.getLogger().error(String(error));
  const subscription = node.createSubscription(
    'std_msgs/msg/Bool',
    topic,
    quality(ros, 'sensor'),
    edge(take, onFault),
  );
  return {
    source: topic,
    age: () => now() - beat,
    close: () => node.destroySubscription(subscription),
  };
}
