import { setTimeout } from 'node:timers/promises';
import { UserError, messageOf } from '../errors.ts';
import { packagePath } from '../packagePath.ts';
import { loadCalibration } from '../robot/calibration.ts';
import { bagRecording } from './bag.ts';
import { CLOCK, SENSOR_LEAD } from './clock.ts';
import { edge } from './edge.ts';
import { jointPublishers } from './jointPublishers.ts';
import { type Stamp, image, nanosecondsOf, stampOf } from './messages.ts';
import type { Running } from './nodeMain.ts';
import { type ParameterSpecs, declareParameters } from './parameters.ts';
import { quality } from './qos.ts';
import { type Recording, episodeRecording } from './recording.ts';
import type { Ros, RosNode } from './rclnodejs.ts';

export const REPLAY_PARAMETERS = {
  episode: {
    type: 'string',
    default: '',
    description: 'MCAP file of the episode',
    readOnly: true,
  },
  bag: {
    type: 'string',
    default: '',
    description: "MCAP file of a bag of the robot's topics, in the place of an episode",
    readOnly: true,
  },
  calibration: {
    type: 'string',
    default: packagePath('calibration/aloha-1.0.yaml'),
    description: 'YAML file of the robot whose topics the episode is played on',
    readOnly: true,
  },
} as const satisfies ParameterSpecs;

/** Control steps between two images of a camera: an episode has those of its chunks alone. */
const IMAGE_EVERY = 2;

/** trajectory_msgs/JointTrajectory as /nalu/chunk has it. */
interface ChunkMessage {
  header: { stamp: Stamp };
  points: { positions: ArrayLike<number> }[];
}

/** Mean and largest difference of a chunk's rows from the commands that were recorded from `first` on. */
function compare({ points }: ChunkMessage, { commands }: Recording, first: number) {
  const differences = points.flatMap(({ positions }, row) => {
    const command = commands[first + row]?.position;
    return command ? Array.from(command, (at, joint) => Math.abs(at - positions[joint])) : [];
  });
  const sum = differences.reduce((total, difference) => total + difference, 0);
  return { mean: sum / differences.length, largest: Math.max(...differences) };
}

/**
 * A recorded episode or bag as the robot: its joint states and images on the robot's topics, with /clock, from
 * when the policy's node has sampled a first chunk. That node runs dry; each chunk is compared with the
 * commands that were recorded.
 */
export async function startReplayNode(ros: Ros, node: RosNode): Promise<Running> {
  const parameters = declareParameters(ros, node, REPLAY_PARAMETERS);
  const { episode, bag } = parameters;
  if ((episode === '') === (bag === ''))
    throw new UserError('parameters episode, bag: give one of them, the MCAP file to replay');
  const calibration = await loadCalibration(parameters.calibration);
  const recording = await (bag ? bagRecording(bag, calibration) : episodeRecording(episode));
  const log = node.getLogger();
  const options = () => quality(ros, 'command');
  const publishJoints = jointPublishers(ros, node, calibration);
  const cameras = new Map(
    calibration.cameras.map(({ name, topic }) => [
      name,
      node.createPublisher('sensor_msgs/msg/Image', topic, options()),
    ]),
  );
  const clock = node.createPublisher(CLOCK, '/clock', options());
  const period = BigInt(Math.round(1e9 / calibration.controlRate));
  const origin = recording.joints[0].stamp;

  let begun: bigint | undefined;
  const take = (chunk: ChunkMessage) => {
    const stamp = nanosecondsOf(chunk.header.stamp);
    begun ??= stamp;
    const first = Math.round(Number(stamp - begun) / Number(period));
    const { mean, largest } = compare(chunk, recording, first);
    log.info(
      `step ${first}: the chunk differs from what was commanded by ${mean.toFixed(4)} (mean), ${largest.toFixed(4)} (largest)`,
    );
  };
  const onFault = (error: unknown) => log.error(messageOf(error));
  node.createSubscription(
    'trajectory_msgs/msg/JointTrajectory',
    '/nalu/chunk',
    options(),
    edge(take, onFault),
  );

  let open = true;
  const play = async () => {
    let now = node.getClock().now().nanoseconds;
    for (let step = 0; open; step++, now += period) {
      const index = begun === undefined ? 0 : Number((now - begun) / period);
      const state = recording.joints[index];
      if (!state) return log.info(`the recording is over: ${recording.end}`);
      for (const publish of publishJoints) publish(now, state.position);
      if (step % IMAGE_EVERY === 0)
        for (const frame of await recording.imagesAt(origin + BigInt(index) * period))
          cameras.get(frame.camera)?.publish(image(now, frame.camera, frame, await frame.pixels()));
      await setTimeout(SENSOR_LEAD);
      clock.publish({ clock: stampOf(now) });
      await setTimeout(Number(period) / 1e6 - SENSOR_LEAD);
    }
  };
  const ended = play().catch(onFault);
  return {
    async stop() {
      open = false;
      await ended;
    },
  };
}
