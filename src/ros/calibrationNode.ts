import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import { withSizes } from '../calibrate/arrivingSizes.ts';
import { type Published, findTopics, isMissing, unknownCameras } from '../calibrate/findTopics.ts';
import type { OpenOptions } from '../calibrate/subject.ts';
import type { CalibratedCamera, Calibration } from '../robot/calibration.ts';
import { delegateRobot } from '../robot/delegates.ts';
import type { SensingRobot } from '../robot/robot.ts';
import { imageTopic } from '../topics/imageTopic.ts';
import { edge } from './edge.ts';
import { readCompressedImage, readImage } from '../topics/images.ts';
import { quality } from './qos.ts';
import { type Ros, type RosNode, loadRos } from './rclnodejs.ts';
import { rosRobot } from './rosRobot.ts';
import { awaitTopics } from './topics.ts';

interface Size {
  width: number;
  height: number;
}

/** Seconds that cameras have to show themselves. */
const PATIENCE = 5;

/** Width and height that a camera's message really has, pixels. */
async function sizeIn(bytes: Uint8Array, camera: CalibratedCamera): Promise<Size> {
  if (camera.transport === 'raw') return readImage(bytes);
  const { width, height } = await sharp(readCompressedImage(bytes, camera).data).metadata();
  return { width, height };
}

/** The sizes of images by topic, of those cameras that show one. */
async function lookForSizes(
  ros: Ros,
  node: RosNode,
  cameras: readonly CalibratedCamera[],
  signal: AbortSignal,
): Promise<Map<string, Size>> {
  const sizes = new Map<string, Size>();
  const subscriptions = cameras.map((camera) => {
    const { type, topic } = imageTopic(camera);
    const look = async (bytes: Uint8Array) => {
      if (!sizes.has(camera.topic)) sizes.set(camera.topic, await sizeIn(bytes, camera));
    };
    const settings = quality(ros, 'sensor', { isRaw: true });
    const callback = edge(look, () => undefined);
    return node.createSubscription(type, topic, settings, callback);
  });
  const deadline = performance.now() + PATIENCE * 1000;
  while (sizes.size < cameras.length && performance.now() < deadline) {
    signal.throwIfAborted();
    await setTimeout(20);
  }
  for (const subscription of subscriptions) node.destroySubscription(subscription);
  return sizes;
}

/** The topics that are published: as soon as all of a calibration are, or after a while. */
async function lookForTopics(
  node: RosNode,
  calibration: Calibration,
  signal: AbortSignal,
): Promise<Published> {
  const look = () =>
    new Map(
      node
        .getTopicNamesAndTypes()
        .filter(({ name }) => node.countPublishers(name) > 0)
        .map(({ name, types }) => [name, types[0]]),
    );
  const deadline = performance.now() + PATIENCE * 1000;
  let published = look();
  while (isMissing(calibration, published) && performance.now() < deadline) {
    signal.throwIfAborted();
    await setTimeout(100);
    published = look();
  }
  return published;
}

/** Shows the images that no camera of the calibration has, by their topics. Returns what ends it. */
async function showUnknown(
  ros: Ros,
  node: RosNode,
  published: Published,
  { calibration, watch, signal }: OpenOptions,
): Promise<() => Promise<void>> {
  const unknown = unknownCameras(calibration, published);
  const sizes = await lookForSizes(ros, node, watch ? unknown : [], signal);
  const read = withSizes({ ...calibration, cameras: unknown, measured: undefined }, sizes);
  const cameras = read.cameras.filter(({ topic }) => sizes.has(topic)).map(({ name }) => name);
  if (!watch || cameras.length === 0) return () => Promise.resolve();
  const robot = rosRobot({ ros, node, calibration: read, cameras, output: 'trajectory', dryRun: true }); // prettier-ignore
  const listener = watch(robot);
  robot.observe({ joints: () => undefined, frame: (frame) => listener.frame?.(frame) });
  return () => robot.close();
}

/** The calibration with topics that are there: a person says which is which, where it names others. */
async function withTopics(ros: Ros, node: RosNode, options: OpenOptions): Promise<Calibration> {
  const { calibration, dialogue, signal } = options;
  const published = await lookForTopics(node, calibration, signal);
  if (!isMissing(calibration, published)) return calibration;
  const stopShowing = await showUnknown(ros, node, published, options);
  try {
    return await findTopics(calibration, published, dialogue);
  } finally {
    await stopShowing();
  }
}

/** What a robot's topics lead to, and the calibration that it is read by: with the sizes of what arrives. */
export interface RosSenses {
  robot: SensingRobot;
  /** As it was given, with the topics that were found. */
  found: Calibration;
  read: Calibration;
}

/**
 * Listens to a robot over ROS 2 as the node nalu_calibrate, which publishes nothing to it. A camera that shows
 * nothing is left out. Throws a UserError without ROS 2, or where joint states do not come.
 */
export async function openRosSenses(
  options: OpenOptions & { simTime: boolean },
): Promise<RosSenses> {
  const { simTime, signal } = options;
  const ros = await loadRos();
  const parameters = ['--ros-args', '-p', `use_sim_time:=${simTime}`];
  await ros.init(undefined, [...process.argv.slice(0, 2), ...parameters]);
  ros.removeSignalHandlers();
  try {
    const node = ros.createNode('nalu_calibrate');
    node.spin();
    const found = await withTopics(ros, node, options);
    const sizes = await lookForSizes(ros, node, found.cameras, signal);
    const read = withSizes(found, sizes);
    const there = read.cameras.filter(({ topic }) => sizes.has(topic));
    const robot = rosRobot({
      ros,
      node,
      // Latencies are measured of stamps as they arrive.
      calibration: { ...read, measured: undefined },
      cameras: there.map(({ name }) => name),
      output: 'trajectory',
      dryRun: true,
    });
    await awaitTopics(node, robot, signal).catch(async (error: unknown) => {
      await robot.close();
      throw error;
    });
    return {
      found,
      read,
      robot: delegateRobot(robot, {
        async close() {
          await robot.close();
          ros.shutdown();
        },
      }),
    };
  } catch (error) {
    ros.shutdown();
    throw error;
  }
}
