import { UserError, messageOf } from '../errors.ts';
import { type CalibratedCamera, type Calibration, embodimentOf } from '../robot/calibration.ts';
import { statesTopic } from '../robot/driverTopics.ts';
import type { Clock, Observer, Robot } from '../robot/robot.ts';
import type { Preview } from './cameraService.ts';
import { openCameras } from './cameras.ts';
import { imageTopic } from '../topics/imageTopic.ts';
import { CLOCK, rosClock, usesSimTime } from './clock.ts';
import { captureStamps } from '../topics/captureStamps.ts';
import { type Output, createCommands } from './commands.ts';
import { edge } from './edge.ts';
import { createJointMerger, statesTopicsOf } from '../topics/joints.ts';
import { nanosecondsOf } from '../episodes/rosTime.ts';
import { type JointStateMessage } from '../topics/messages.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';
import { type TopicCount, countMessage, newCount } from './topicCounts.ts';

/** A robot behind ROS topics. */
export interface RosRobot extends Robot {
  readonly topics: readonly TopicCount[];
  /** A camera's newest frame for people, if it has any. */
  preview(camera: string): Promise<Preview | undefined>;
}

export interface RosRobotOptions {
  ros: Ros;
  node: RosNode;
  calibration: Calibration;
  /** Names of the cameras to subscribe to. */
  cameras: readonly string[];
  /** How commands are sent to arms whose calibration does not say it. */
  output: Output;
  /** Sends nothing to the arms. */
  dryRun: boolean;
}

/** What a robot's subscriptions share. */
interface Sensing {
  options: RosRobotOptions;
  clock: Clock;
  topics: TopicCount[];
  observer: Observer | undefined;
  closed: boolean;
}

const JOINT_STATE = 'sensor_msgs/msg/JointState';

function addCount({ topics }: Sensing, type: string, topic: string, source: string): TopicCount {
  const count = newCount(topic, type, source);
  topics.push(count);
  return count;
}

/** The calibrated cameras of these names. Throws a `UserError` for one that is not there. */
const camerasOf = ({ cameras }: Calibration, names: readonly string[]) =>
  names.map((name) => {
    const camera = cameras.find((known) => known.name === name);
    if (camera) return camera;
    throw new UserError(
      `the policy or its success classifier needs ${name}, but the calibration has ${cameras.map((known) => known.name).join(', ') || 'no cameras'}`,
      { kind: 'mismatch', fields: [name] },
    );
  });

/** Subscribes to the topics on which the arms report their joints. Returns the subscriptions. */
function senseJoints(sensing: Sensing): object[] {
  const { ros, node, calibration } = sensing.options;
  const merger = createJointMerger(calibration);
  return statesTopicsOf(calibration).map((topic) => {
    const count = addCount(sensing, JOINT_STATE, topic, 'joint state');
    const arms = calibration.arms.filter((arm) => statesTopic(arm) === topic);
    const source = `joint state of ${arms.map(({ name }) => name).join(' and ')}`;
    const take = (message: JointStateMessage) => {
      if (sensing.closed) return;
      count.messages += 1;
      const state = merger.take(topic, message, sensing.clock.now());
      if (state) sensing.observer?.joints(state);
      const stamp = nanosecondsOf(message.header.stamp);
      countMessage(count, { kind: 'joints', source, stamp }, sensing.clock.now());
    };
    const onFault = (error: unknown) => {
      count.problem = messageOf(error);
    };
    const settings = quality(ros, 'sensor');
    return node.createSubscription(JOINT_STATE, topic, settings, edge(take, onFault));
  });
}

/** Receives the images of cameras. Returns what ends it; undefined without cameras. */
function senseCameras(sensing: Sensing, cameras: readonly CalibratedCamera[]) {
  const counts = new Map(
    cameras.map((camera) => {
      const { type, topic } = imageTopic(camera);
      return [camera.name, addCount(sensing, type, topic, camera.name)];
    }),
  );
  if (cameras.length === 0) return undefined;
  const captured = captureStamps(sensing.options.calibration);
  return openCameras({
    name: sensing.options.node.name(),
    cameras,
    onFrame(frame) {
      if (sensing.closed) return;
      const count = counts.get(frame.camera)!;
      count.messages += 1;
      const { camera: source, stamp } = frame;
      countMessage(count, { kind: 'camera', source, stamp }, sensing.clock.now());
      sensing.observer?.frame(captured(frame));
    },
    onProblem(camera, problem) {
      const count = counts.get(camera)!;
      count.messages += 1;
      count.problem = problem;
    },
  });
}

/**
 * The robot that a node's topics lead to. A message that is not what the calibration says is left out
 * and named in `topics`. Throws a `UserError` for a camera that the calibration lacks, or for commands that
 * this machine cannot send.
 */
export function rosRobot(options: RosRobotOptions): RosRobot {
  const { ros, node, calibration, output, dryRun } = options;
  const embodiment = embodimentOf(calibration);
  const cameras = camerasOf(calibration, options.cameras);
  const send = dryRun ? () => undefined : createCommands(ros, node, calibration, output);

  const ticks = newCount('/clock', CLOCK, 'clock');
  const onTick = (stamp: bigint) => {
    const messages = ticks.messages + 1;
    Object.assign(ticks, { messages, stamp, arrived: performance.now() });
  };
  const clock = rosClock(ros, node, () => !sensing.closed, onTick);
  const sensing: Sensing = { options, clock, topics: [], observer: undefined, closed: false };
  const subscriptions = senseJoints(sensing);
  const images = senseCameras(sensing, cameras);
  if (usesSimTime(node)) sensing.topics.push(ticks);

  return {
    embodiment: {
      ...embodiment,
      cameras: options.cameras.map((name) =>
        embodiment.cameras.find((known) => known.name === name)!,
      ),
    },
    clock,
    dry: dryRun,
    topics: sensing.topics,
    preview: (camera) => images?.preview(camera) ?? Promise.resolve(undefined),
    observe(observer) {
      sensing.observer = observer;
    },
    command(positions) {
      if (sensing.closed) throw new Error('The robot was used after close().');
      if (positions.length !== embodiment.joints.length)
        throw new Error(
          `The robot takes ${embodiment.joints.length} positions, not ${positions.length}.`,
        );
      send(positions);
    },
    async close() {
      sensing.closed = true;
      sensing.observer = undefined;
      for (const subscription of subscriptions) node.destroySubscription(subscription);
      await images?.close();
    },
  };
}
