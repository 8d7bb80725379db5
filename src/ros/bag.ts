import { type FileHandle, open } from 'node:fs/promises';
import { McapIndexedReader } from '@mcap/core';
import { parse } from '@foxglove/rosmsg';
import { MessageReader } from '@foxglove/rosmsg2-serialization';
import { UserError, messageOf } from '../errors.ts';
import type { Calibration } from '../robot/calibration.ts';
import type { CameraFrame, JointState } from '../robot/robot.ts';
import { imageTopic } from './cameras.ts';
import { commandTopics } from './commands.ts';
import { frameOf } from './images.ts';
import { fromDriver } from '../robot/driverAngles.ts';
import { createJointMerger, jointsByArm } from './joints.ts';
import type { JointStateMessage } from './messages.ts';
import type { Recording } from './recording.ts';

/** What the mcap package reads a file through. */
const readable = (file: FileHandle) => ({
  size: async () => BigInt((await file.stat()).size),
  async read(offset: bigint, length: bigint) {
    const bytes = new Uint8Array(Number(length));
    await file.read(bytes, 0, bytes.length, Number(offset));
    return bytes;
  },
});

async function openBag(path: string): Promise<McapIndexedReader> {
  try {
    return await McapIndexedReader.Initialize({ readable: readable(await open(path)) });
  } catch (error) {
    throw new UserError(
      `${path}: cannot be read as an MCAP bag: ${messageOf(error)}. Record with \`ros2 bag record --storage mcap\`, uncompressed; ros2 bag convert makes one of others`,
      { cause: error },
    );
  }
}

/** The messages of some topics in the order of their log times, decoded by the schemas in the bag. */
async function* messagesOf(bag: McapIndexedReader, topics: string[]) {
  const readers = new Map<number, MessageReader>();
  for await (const { channelId, logTime, data } of bag.readMessages({ topics })) {
    const { topic, schemaId } = bag.channelsById.get(channelId)!;
    const schema = bag.schemasById.get(schemaId)!;
    const reader =
      readers.get(schemaId) ??
      new MessageReader(parse(new TextDecoder().decode(schema.data), { ros2: true }));
    readers.set(schemaId, reader);
    yield { topic, stamp: logTime, message: reader.readMessage<unknown>(data) };
  }
}

/** The newest value at each control step, from the first stamp at which there is one to the last. */
function everyStep(states: readonly JointState[], first: bigint, steps: number, period: bigint) {
  let next = 0;
  return Array.from({ length: steps }, (_, step): JointState => {
    const stamp = first + BigInt(step) * period;
    while (next + 1 < states.length && states[next + 1].stamp <= stamp) next++;
    return { stamp, position: states[next].position };
  });
}

async function readJoints(bag: McapIndexedReader, calibration: Calibration) {
  const arms = new Map(
    calibration.arms.map(({ name, namespace }) => [`/${namespace}/joint_states`, name]),
  );
  const merger = createJointMerger(calibration);
  const states: JointState[] = [];
  for await (const { topic, stamp, message } of messagesOf(bag, [...arms.keys()])) {
    const state = merger.take(arms.get(topic)!, message as JointStateMessage);
    if (state) states.push({ stamp, position: state.position });
  }
  return states;
}

/** Commands in the robot's vectors, from the drivers' topics of both kinds of output. */
async function readCommands(bag: McapIndexedReader, calibration: Calibration, home: Float64Array) {
  const position = home.slice();
  const states: JointState[] = [];
  type Command = { cmd: ArrayLike<number> } & { cmd: number } & {
    points: { positions: ArrayLike<number> }[];
    joint_names: string[];
  };
  const takers = new Map<string, (message: Command) => void>(
    jointsByArm(calibration).flatMap(({ arm, joints }) => {
      const topics = commandTopics(arm.namespace);
      const set = (kind: 'arm' | 'gripper', values: ArrayLike<number>) =>
        joints
          .filter(({ joint }) => joint.kind === kind)
          .forEach(({ joint, index }, i) => {
            position[index] = fromDriver(arm, joint, values[i]);
          });
      return [
        [topics.group, ({ cmd }: Command) => set('arm', cmd)],
        [topics.single, ({ cmd }: Command) => set('gripper', [cmd])],
        [
          topics.trajectory,
          ({ points, joint_names }: Command) => {
            const last = points.at(-1);
            for (const { joint, index } of joints) {
              const at = joint_names.indexOf(joint.joint);
              if (last && at >= 0) position[index] = fromDriver(arm, joint, last.positions[at]);
            }
          },
        ],
      ] as const;
    }),
  );
  for await (const { topic, stamp, message } of messagesOf(bag, [...takers.keys()])) {
    takers.get(topic)!(message as Command);
    states.push({ stamp, position: position.slice() });
  }
  return states;
}

/**
 * The recording in a bag (MCAP) of a calibrated robot's topics: joint states, commands of either
 * output, images. Images are read when they are wanted. Throws a `UserError` for a bag without them.
 */
export async function bagRecording(path: string, calibration: Calibration): Promise<Recording> {
  const bag = await openBag(path);
  const states = await readJoints(bag, calibration);
  if (states.length === 0)
    throw new UserError(
      `${path}: no joint states of ${calibration.arms.map(({ namespace }) => `/${namespace}/joint_states`).join(' and ')}; it has ${[...bag.channelsById.values()].map(({ topic }) => topic).join(', ')}`,
    );
  const period = BigInt(Math.round(1e9 / calibration.controlRate));
  const first = states[0].stamp;
  const steps = Number((states.at(-1)!.stamp - first) / period) + 1;
  const commands = await readCommands(bag, calibration, states[0].position);

  const newest = async (topic: string, stamp: bigint): Promise<Uint8Array | undefined> => {
    for await (const { data } of bag.readMessages({
      topics: [topic],
      endTime: stamp,
      reverse: true,
    }))
      return data;
    for await (const { data } of bag.readMessages({ topics: [topic] })) return data;
    return undefined;
  };
  return {
    joints: everyStep(states, first, steps, period),
    commands: commands.length > 0 ? everyStep(commands, first, steps, period) : [],
    async imagesAt(stamp) {
      const frames = calibration.cameras.map(async (camera): Promise<CameraFrame[]> => {
        const data = await newest(imageTopic(camera).topic, stamp);
        return data ? [frameOf(data, camera)] : [];
      });
      return (await Promise.all(frames)).flat();
    },
    end: 'the end of the bag',
  };
}
