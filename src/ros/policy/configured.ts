import { writeFile } from 'node:fs/promises';
import { messageOf } from '../../errors.ts';
import { type SessionConfig, loadSessionConfig } from '../../session/session.ts';
import type { ChunkPolicy } from '../../policy/chunkPolicy.ts';
import { type SuccessClassifier, openClassifier } from '../../classifier/successClassifier.ts';
import type { Courier } from '../../link/robot/courier.ts';
import { type Calibration } from '../../robot/calibration.ts';
import { type DrawnChunk, chunkPlot } from '../../check/chunkPlot.ts';
import { type MeterListener, type Meters, createMeters } from '../../measure/meters.ts';
import { serveMetrics } from '../../measure/metrics.ts';
import { type CommandTopic, commandTopicsOf } from '../commands.ts';
import { type ListenedHeartbeat, listenToHeartbeat } from '../heartbeat.ts';
import { openLearnerLink } from '../../link/robot/learnerLink.ts';
import { learnerPlace } from './learnerLink.ts';
import { jointTrajectory } from '../../topics/messages.ts';
import { type NodePolicy, openNodePolicy } from './openPolicy.ts';
import type { PolicyParameters } from './policyParameters.ts';
import { quality } from '../qos.ts';
import type { Ros, RosNode } from '../rclnodejs.ts';
import { type RosRobot, rosRobot } from '../rosRobot.ts';
import { delegatePolicy } from '../../policy/policyWrappers.ts';
import { loadCalibration } from '../../robot/calibrationFile.ts';

/** What a configured node holds. */
export interface Configured {
  driver: NodePolicy;
  calibration: Calibration;
  session: SessionConfig;
  /** The policy, its chunks published (and in a dry run drawn) as they are sampled. */
  published: ChunkPolicy;
  robot: RosRobot;
  /** The topics by which its arms can be commanded. */
  commands: CommandTopic[];
  /** The link to a learner, if there is to be one. */
  courier: Courier | undefined;
  /** What tells success from a camera, if there is to be one. */
  classifier: SuccessClassifier | undefined;
  /** Of all attempts since it was configured. */
  meters: Meters;
  /** What must keep beating while the robot moves, if anything must. */
  heartbeat: ListenedHeartbeat | undefined;
  close(): Promise<void>;
}

/** Draws a dry run's chunk; warns if it cannot be written. */
function draw(node: RosNode, file: string, calibration: Calibration, chunk: DrawnChunk) {
  const title = `chunk of a dry run, ${new Date().toISOString()}`;
  writeFile(file, chunkPlot(calibration, chunk, title)).catch((error: unknown) =>
    node.getLogger().warn(`chunk_picture: ${messageOf(error)}`),
  );
}

/** The policy, its chunks published as trajectories, and in a dry run drawn, for those who want them. */
function published(
  ros: Ros,
  node: RosNode,
  policy: ChunkPolicy,
  calibration: Calibration,
  { dry_run: dryRun, chunk_picture: picture }: PolicyParameters,
): ChunkPolicy {
  const { joints, controlRate } = calibration;
  const type = 'trajectory_msgs/msg/JointTrajectory';
  const publisher = node.createPublisher(type, '~/chunk', quality(ros, 'command'));
  const names = joints.map(({ name }) => name);
  return delegatePolicy(policy, {
    async sample(observation, noise, join) {
      const chunk = await policy.sample(observation, noise, join);
      const { actions, horizon } = chunk;
      const rows = Array.from({ length: horizon }, (_, row) =>
        actions.subarray(row * names.length, (row + 1) * names.length),
      );
      const stamp = observation.joints.stamp;
      publisher.publish(jointTrajectory(stamp, names, rows, 1 / controlRate));
      const { position } = observation.joints;
      if (dryRun && picture) draw(node, picture, calibration, { position, actions, horizon });
      return chunk;
    },
  });
}

/** Meters, read at a port if there is one. */
async function openMeters(
  node: RosNode,
  { metrics_port: port, metrics_host: host }: PolicyParameters,
  closers: (() => Promise<void>)[],
  watcher: Partial<MeterListener>,
): Promise<Meters> {
  const metrics = port > 0 ? await serveMetrics(port, host) : undefined;
  if (metrics) {
    closers.push(() => metrics.close());
    node.getLogger().info(`metrics on ${metrics.url}`);
  }
  const meters = createMeters(metrics?.listener, watcher);
  closers.push(() => Promise.resolve(meters.close()));
  return meters;
}

/** Loads and opens what the parameters name; `watcher` hears what is measured. Throws a `UserError` for what cannot be had or does not match. */
export async function configure(
  ros: Ros,
  node: RosNode,
  parameters: PolicyParameters,
  watcher: Partial<MeterListener>,
): Promise<Configured> {
  const calibration = await loadCalibration(parameters.calibration);
  const session = await loadSessionConfig(parameters.session || undefined);
  const { output, dry_run: dryRun, success_classifier: classifierFile } = parameters;
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    const meters = await openMeters(node, parameters, closers, watcher);
    const classifier = classifierFile ? await openClassifier(classifierFile) : undefined;
    if (classifier) closers.push(() => classifier.close());
    const place = await learnerPlace(parameters);
    const driver = await openNodePolicy(parameters, calibration, session, place?.trainable);
    const { policy, own } = driver;
    closers.push(() => policy.close());
    const cameras = [...new Set([...policy.cameras, ...(classifier ? [classifier.camera] : [])])];
    const robot = rosRobot({ ros, node, calibration, cameras, output, dryRun });
    closers.push(() => robot.close());
    const heartbeat = parameters.heartbeat
      ? listenToHeartbeat(ros, node, parameters.heartbeat)
      : undefined;
    if (heartbeat) closers.push(() => Promise.resolve(heartbeat.close()));
    const log = (line: string) => node.getLogger().info(`learner: ${line}`);
    const { name, joints } = calibration;
    const embodiment = { name, joints: joints.map((joint) => joint.name) };
    const courier =
      place &&
      own &&
      (await openLearnerLink(own.bundle, own.worker, { ...place, embodiment }, log));
    if (courier) closers.push(() => courier.close());
    return {
      driver,
      calibration,
      session,
      robot,
      commands: commandTopicsOf(calibration, dryRun ? undefined : output),
      published: published(ros, node, policy, calibration, parameters),
      courier,
      classifier,
      meters,
      heartbeat,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
