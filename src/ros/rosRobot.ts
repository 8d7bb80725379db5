import { UserError, messageOf } from '../errors.ts';
import { type Calibration, embodimentOf } from '../robot/calibration.ts';
import type { Observer, Robot } from '../robot/robot.ts';
import { CLOCK, rosClock, usesSimTime } from './clock.ts';
import { type Output, createCommands } from './commands.ts';
import { edge } from './edge.ts';
import { frameOf } from './images.ts';
import { createJointMerger } from './joints.ts';
import type { JointStateMessage } from './messages.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';

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
  /** What is wrong with its newest message; undefined if nothing. */
  problem: string | undefined;
}

/** A robot behind ROS topics. */
export interface RosRobot extends Robot {
  readonly topics: readonly TopicCount[];
}

export interface RosRobotOptions {
  ros: Ros;
  node: RosNode;
  calibration: Calibration;
  /** Names of the cameras to subscribe to. */
  cameras: readonly string[];
  output: Output;
  /** Sends nothing to the arms. */
  dryRun: boolean;
}

const JOINT_STATE = 'sensor_msgs/msg/JointState';
const IMAGES = {
  raw: { type: 'sensor_msgs/msg/Image', suffix: '' },
  compressed: { type: 'sensor_msgs/msg/CompressedImage', suffix: '/compressed' },
};

/**
 * The robot that a node's topics lead to. A message that is not what the calibration says is left out
 * and told in `topics`. Throws a `UserError` for a camera that the calibration lacks, or an output that
 * this machine cannot have.
 */
export function rosRobot(options: RosRobotOptions): RosRobot {
  const { ros, node, calibration, cameras, output, dryRun } = options;
  const embodiment = embodimentOf(calibration);
  const send = dryRun ? () => undefined : createCommands(ros, node, calibration, output);
  const merger = createJointMerger(calibration);
  const topics: TopicCount[] = [];
  const subscriptions: object[] = [];
  let observer: Observer | undefined;
  let closed = false;

  const listen = (
    type: string,
    topic: string,
    source: string,
    profile: 'newest' | 'sensor',
    take: (message: never) => bigint,
  ) => {
    const count: TopicCount = {
      topic,
      type,
      source,
      messages: 0,
      stamp: undefined,
      problem: undefined,
    };
    topics.push(count);
    const callback = (message: never) => {
      if (closed) return;
      count.messages += 1;
      count.stamp = take(message);
      count.problem = undefined;
    };
    const onFault = (error: unknown) => {
      count.problem = messageOf(error);
    };
    const settings = quality(ros, profile, { isRaw: profile === 'newest' });
    subscriptions.push(node.createSubscription(type, topic, settings, edge(callback, onFault)));
  };

  for (const { name, namespace } of calibration.arms)
    listen(
      JOINT_STATE,
      `/${namespace}/joint_states`,
      'joint state',
      'sensor',
      (message: JointStateMessage) => {
        const state = merger.take(name, message);
        if (state) observer?.joints(state);
        return merger.stampOf(name);
      },
    );

  for (const name of cameras) {
    const camera = calibration.cameras.find((known) => known.name === name);
    if (!camera)
      throw new UserError(
        `the policy looks through ${name}, but the calibration has ${calibration.cameras.map((known) => known.name).join(', ') || 'no cameras'}`,
      );
    const { type, suffix } = IMAGES[camera.transport];
    listen(type, `${camera.topic}${suffix}`, name, 'newest', (bytes: Uint8Array) => {
      const frame = frameOf(bytes, camera);
      observer?.frame(frame);
      return frame.stamp;
    });
  }

  const ticks = { topic: '/clock', type: CLOCK, source: 'clock', messages: 0 };
  const clockCount: TopicCount = { ...ticks, stamp: undefined, problem: undefined };
  if (usesSimTime(node)) topics.push(clockCount);
  const clock = rosClock(
    ros,
    node,
    () => !closed,
    (stamp) => Object.assign(clockCount, { stamp, messages: clockCount.messages + 1 }),
  );

  return {
    embodiment: {
      ...embodiment,
      cameras: cameras.map((name) => embodiment.cameras.find((known) => known.name === name)!),
    },
    clock,
    topics,
    observe(taker) {
      observer = taker;
    },
    command(positions) {
      if (closed) throw new Error('The robot was used after close().');
      if (positions.length !== embodiment.joints.length)
        throw new Error(
          `The robot takes ${embodiment.joints.length} positions, not ${positions.length}.`,
        );
      send(positions);
    },
    close() {
      closed = true;
      observer = undefined;
      for (const subscription of subscriptions) node.destroySubscription(subscription);
      return Promise.resolve();
    },
  };
}
