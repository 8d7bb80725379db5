import { UserError, messageOf } from '../errors.ts';
import { type Calibration, embodimentOf } from '../robot/calibration.ts';
import type { Observer, Robot } from '../robot/robot.ts';
import { type Stamped, stampFault } from '../control/stamps.ts';
import { openCameras } from './cameras.ts';
import { imageTopic } from './imageTopic.ts';
import { CLOCK, rosClock, usesSimTime } from './clock.ts';
import { type Output, createCommands } from './commands.ts';
import { edge } from './edge.ts';
import { createJointMerger } from './joints.ts';
import { type JointStateMessage, nanosecondsOf } from './messages.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';
import { statesTopic } from '../robot/driverTopics.ts';

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

const newCount = (topic: string, type: string, source: string): TopicCount => ({
  ...{ topic, type, source, messages: 0 },
  ...{ stamp: undefined, arrived: undefined, problem: undefined },
});

/** Whether two stamps, ns, are of clocks that do not count the same time: simulated, and the wall's. */
const otherTime = (a: bigint, b: bigint) => Math.abs(Number(a - b)) > 1e15 && a !== 0n;

/** The calibrated cameras of these names. Throws a `UserError` for one that is not there. */
const camerasOf = ({ cameras }: Calibration, names: readonly string[]) =>
  names.map((name) => {
    const camera = cameras.find((known) => known.name === name);
    if (camera) return camera;
    throw new UserError(
      `the policy or its success classifier looks through ${name}, but the calibration has ${cameras.map((known) => known.name).join(', ') || 'no cameras'}`,
    );
  });

/**
 * The robot that a node's topics lead to. A message that is not what the calibration says is left out
 * and told in `topics`. Throws a `UserError` for a camera that the calibration lacks, or an output that
 * this machine cannot have.
 */
export function rosRobot(options: RosRobotOptions): RosRobot {
  const { ros, node, calibration, cameras, output, dryRun } = options;
  const embodiment = embodimentOf(calibration);
  const looking = camerasOf(calibration, cameras);
  const send = dryRun ? () => undefined : createCommands(ros, node, calibration, output);
  const merger = createJointMerger(calibration);
  const topics: TopicCount[] = [];
  const subscriptions: object[] = [];
  let observer: Observer | undefined;
  let closed = false;

  const ticks = newCount('/clock', CLOCK, 'clock');
  const clock = rosClock(
    ros,
    node,
    () => !closed,
    (stamp) => {
      const messages = ticks.messages + 1;
      Object.assign(ticks, { messages, stamp, arrived: performance.now() });
    },
  );

  const counted = (type: string, topic: string, source: string): TopicCount => {
    const count = newCount(topic, type, source);
    topics.push(count);
    return count;
  };
  /** Notes what came over a topic: usable, or why not. What is not is handed on all the same, for the guard names it too. */
  const note = (count: TopicCount, came: Omit<Stamped, 'arrived'>) => {
    const now = clock.now();
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
  };

  for (const arm of calibration.arms) {
    const { name } = arm;
    const topic = statesTopic(arm);
    const count = counted(JOINT_STATE, topic, 'joint state');
    const take = (message: JointStateMessage) => {
      if (closed) return;
      count.messages += 1;
      const state = merger.take(name, message, clock.now());
      if (state) observer?.joints(state);
      const stamp = nanosecondsOf(message.header.stamp);
      note(count, { kind: 'joints', source: `joint state of ${name}`, stamp });
    };
    const onFault = (error: unknown) => {
      count.problem = messageOf(error);
    };
    subscriptions.push(
      node.createSubscription(JOINT_STATE, topic, quality(ros, 'sensor'), edge(take, onFault)),
    );
  }

  const images = new Map(
    looking.map((camera) => {
      const { type, topic } = imageTopic(camera);
      return [camera.name, counted(type, topic, camera.name)];
    }),
  );
  const eyes =
    looking.length > 0
      ? openCameras({
          name: node.name(),
          cameras: looking,
          onFrame(frame) {
            const count = images.get(frame.camera)!;
            count.messages += 1;
            note(count, { kind: 'camera', source: frame.camera, stamp: frame.stamp });
            observer?.frame(frame);
          },
          onProblem(camera, problem) {
            const count = images.get(camera)!;
            count.messages += 1;
            count.problem = problem;
          },
        })
      : undefined;

  if (usesSimTime(node)) topics.push(ticks);

  return {
    embodiment: {
      ...embodiment,
      cameras: cameras.map((name) => embodiment.cameras.find((known) => known.name === name)!),
    },
    clock,
    dry: dryRun,
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
    async close() {
      closed = true;
      observer = undefined;
      for (const subscription of subscriptions) node.destroySubscription(subscription);
      await eyes?.close();
    },
  };
}
