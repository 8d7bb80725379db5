import { controlPeriod } from '../../robot/embodiment.ts';
import { setTimeout } from 'node:timers/promises';
import { UserError, messageOf } from '../../errors.ts';
import { packagePath } from '../../files/packagePath.ts';
import { bagRecording } from './bag.ts';
import { CLOCK, SENSOR_LEAD } from '../clock.ts';
import { edge } from '../edge.ts';
import { jointPublishers } from '../jointPublishers.ts';
import { type Stamp, nanosecondsOf, stampOf } from '../../episodes/rosTime.ts';
import { image } from '../../topics/messages.ts';
import type { Running } from '../nodeMain.ts';
import { type ParameterSpecs, declareParameters } from '../parameters.ts';
import { quality } from '../qos.ts';
import { type Recording, episodeRecording } from '../policy/recording.ts';
import type { Ros, RosNode } from '../rclnodejs.ts';
import { callTrigger } from '../trigger.ts';
import { loadCalibration } from '../../robot/calibrationFile.ts';

export const REPLAY_PARAMETERS = {
  episode: {
    type: 'string',
    isPath: true,
    default: '',
    description: 'MCAP file of the episode',
    readOnly: true,
  },
  bag: {
    type: 'string',
    isPath: true,
    default: '',
    description:
      "bag of the robot's topics, MCAP or SQLite, a file or ros2 bag's folder, instead of an episode",
    readOnly: true,
  },
  calibration: {
    type: 'string',
    isPath: true,
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

/** The policy's node; its attempt is stopped when the recording is over. */
const STOP = '/nalu/stop';
/** Control steps for which the last state is held, so that the policy's node can end what it does. */
const LAST_STEPS = 50;

/**
 * Mean and largest difference of a chunk's rows from the commands that were recorded from `first` on;
 * undefined where none were.
 */
function compare({ points }: ChunkMessage, { commands }: Recording, first: number) {
  const differences = points.flatMap(({ positions }, row) => {
    const command = commands[first + row]?.position;
    return command ? Array.from(command, (at, joint) => Math.abs(at - positions[joint])) : [];
  });
  if (differences.length === 0) return undefined;
  const sum = differences.reduce((total, difference) => total + difference, 0);
  return { mean: sum / differences.length, largest: Math.max(...differences) };
}

/**
 * A recorded episode or bag as the robot: its joint states and images on the robot's topics, with /clock, from
 * when the policy's node has sampled a first chunk, to the recording's end. That node runs dry; each chunk is
 * compared with the commands that were recorded. At the end its attempt is stopped, and this node ends.
 */
export async function startReplayNode(ros: Ros, node: RosNode): Promise<Running> {
  const parameters = declareParameters(ros, node, REPLAY_PARAMETERS);
  const { episode, bag } = parameters;
  if ((episode === '') === (bag === ''))
    throw new UserError('parameters episode, bag: give one of them, what is to be replayed', {
      kind: 'unsaid',
      fields: ['episode', 'bag'],
    });
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
  const period = controlPeriod(calibration);
  const origin = recording.joints[0].stamp;

  let begun: bigint | undefined;
  const take = (chunk: ChunkMessage) => {
    const stamp = nanosecondsOf(chunk.header.stamp);
    begun ??= stamp;
    const first = Math.round(Number(stamp - begun) / Number(period));
    const difference = compare(chunk, recording, first);
    log.info(
      difference
        ? `step ${first}: the chunk differs from what was commanded by ${difference.mean.toFixed(4)} (mean), ${difference.largest.toFixed(4)} (largest)`
        : `step ${first}: a chunk, with no commands in the recording to compare it with`,
    );
  };
  const onFault = (error: unknown) => log.error(messageOf(error));
  node.createSubscription(
    'trajectory_msgs/msg/JointTrajectory',
    '/nalu/chunk',
    options(),
    edge(take, onFault),
  );

  for (const line of recording.damage) log.warn(line);
  const last = recording.joints.length - 1;
  log.info(`${(Number(BigInt(last) * period) / 1e9).toFixed(1)} s begin with the first chunk of the policy`); // prettier-ignore

  let open = true;
  const play = async () => {
    let now = node.getClock().now().nanoseconds;
    let over: number | undefined;
    for (let step = 0; open; step++, now += period) {
      const passed = begun === undefined ? 0 : Number((now - begun) / period);
      const index = Math.min(passed, last);
      const state = recording.joints[index];
      if (passed > last && over === undefined) {
        over = step;
        log.info(`the recording is over: ${recording.end}`);
        // Where the attempt has ended by itself there is nothing to stop.
        callTrigger(node, STOP).catch((error: unknown) => log.debug(messageOf(error)));
      }
      if (over !== undefined && step - over > LAST_STEPS) return;
      for (const publish of publishJoints) publish(now, state.position);
      if (step % IMAGE_EVERY === 0)
        for (const frame of await recording.imagesAt(origin + BigInt(index) * period))
          cameras.get(frame.camera)?.publish(image(now, frame.camera, frame, await frame.pixels()));
      await setTimeout(SENSOR_LEAD);
      clock.publish({ clock: stampOf(now) });
      await setTimeout(Number(period) / 1e6 - SENSOR_LEAD);
    }
  };
  const done = play();
  return {
    done,
    async stop() {
      open = false;
      await done.catch(() => undefined);
    },
  };
}
