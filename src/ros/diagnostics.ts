import { stampOf } from '../episodes/rosTime.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';

const LEVELS = { ok: 0, warn: 1, error: 2, stale: 3 } as const;

/** One status of the node: a task's state in a word, and its figures. */
export interface Status {
  task: string;
  level: keyof typeof LEVELS;
  message: string;
  values: Record<string, string | number>;
}

/** Publishes statuses on /diagnostics once a second (REP 107) until the function it returns is called. */
export function publishDiagnostics(
  ros: Ros,
  node: RosNode,
  hardware: string,
  statuses: () => Status[],
): () => void {
  const publisher = node.createPublisher(
    'diagnostic_msgs/msg/DiagnosticArray',
    '/diagnostics',
    quality(ros, 'command'),
  );
  const publish = () => {
    publisher.publish({
      header: { stamp: stampOf(node.getClock().now().nanoseconds), frame_id: '' },
      status: statuses().map(({ task, level, message, values }) => ({
        level: LEVELS[level],
        name: `${node.name()}: ${task}`,
        message,
        hardware_id: hardware,
        values: Object.entries(values).map(([key, value]) => ({ key, value: String(value) })),
      })),
    });
  };
  const timer = setInterval(publish, 1000);
  return () => clearInterval(timer);
}
