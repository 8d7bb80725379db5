import { controlPeriod } from '../../robot/embodiment.ts';
import { UserError, listed, messageOf } from '../../errors.ts';
import {
  type Place,
  type StoredMessage,
  declaredBy,
  messageReader,
  openMcap,
  readStored,
} from '../../episodes/readMcap.ts';
import { readSummary } from '../../episodes/mcapSummary.ts';
import { decodeAs } from '../../episodes/schemas.ts';
import type { Calibration } from '../../robot/calibration.ts';
import type { CameraFrame, JointState } from '../../robot/robot.ts';
import { bagFiles } from './bagFiles.ts';
import { imageTopic } from '../imageTopic.ts';
import { frameOf } from '../images.ts';
import { possibleChannels } from '../commandKinds.ts';
import { createJointMerger, statesTopicsOf } from '../joints.ts';
import type { JointStateMessage } from '../messages.ts';
import type { Recording } from '../policy/recording.ts';

/** A message of a bag, decoded. */
interface Decoded {
  topic: string;
  stamp: bigint;
  message: unknown;
}

/** An image of a bag, which stays there until it is wanted. */
interface StoredImage {
  stamp: bigint;
  read(): Promise<Uint8Array>;
}

/** What is wanted of a bag: in memory, but for the images. */
interface BagContent {
  decoded: Decoded[];
  images: Map<string, StoredImage[]>;
  /** Every topic that there is. */
  topics: Set<string>;
  damage: string[];
}

/** Decodes a message; warns of the first of a topic that cannot be decoded. */
function decodeInto(content: BagContent, path: string, { channel, stamp, data }: StoredMessage) {
  const { topic, type, definition } = channel;
  try {
    content.decoded.push({ topic, stamp, message: decodeAs(definition, data) });
  } catch (error) {
    const fault = `${path}: ${topic} has messages that cannot be decoded as ${type}`;
    if (!content.damage.some((known) => known.startsWith(fault)))
      content.damage.push(`${fault}: ${messageOf(error)}`);
  }
}

/** Reads one file of a bag from its beginning to its end, whether or not it has chunks or an index. */
async function readFileOf(
  path: string,
  wanted: { decode: ReadonlySet<string>; images: ReadonlySet<string> },
  content: BagContent,
): Promise<void> {
  const file = await openMcap(path);
  const declared = declaredBy(await readSummary(file));
  const readAt = messageReader(file);
  let found = false;
  const image = (stamp: bigint, place: Place) => ({ stamp, read: () => readAt(place) });
  for await (const item of readStored(file, declared)) {
    found ||= item.type !== 'Damage';
    if (item.type === 'Damage')
      content.damage.push(`${path}: ${item.what} (${item.bytes} bytes at byte ${item.at})`);
    if (item.type !== 'Message') continue;
    const { topic } = item.channel;
    if (wanted.decode.has(topic)) decodeInto(content, path, item);
    if (wanted.images.has(topic)) content.images.get(topic)!.push(image(item.stamp, item.place));
  }
  const inOrder = [...declared.channels].sort(([a], [b]) => a - b);
  for (const [, { topic }] of inOrder) content.topics.add(topic);
  if (!found)
    throw new UserError(
      `${path}: cannot be read as an MCAP bag; record with ros2 bag record --storage mcap`,
    );
}

/** What is wanted of all files of a bag, by log time. */
async function readBag(path: string, decode: string[], images: string[]): Promise<BagContent> {
  const content: BagContent = {
    decoded: [],
    images: new Map(images.map((topic) => [topic, []])),
    topics: new Set(),
    damage: [],
  };
  const wanted = { decode: new Set(decode), images: new Set(images) };
  for (const file of await bagFiles(path)) await readFileOf(file, wanted, content);
  const byTime = (a: { stamp: bigint }, b: { stamp: bigint }) => Number(a.stamp - b.stamp);
  content.decoded.sort(byTime);
  for (const stored of content.images.values()) stored.sort(byTime);
  return content;
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

function jointsIn({ decoded }: BagContent, calibration: Calibration): JointState[] {
  const topics = statesTopicsOf(calibration);
  const merger = createJointMerger(calibration);
  return decoded.flatMap(({ topic, stamp, message }) => {
    if (!topics.includes(topic)) return [];
    const state = merger.take(topic, message as JointStateMessage);
    return state ? [{ stamp, position: state.position }] : [];
  });
}

/** Commands in the robot's vectors, which begin at `home`. */
function commandsIn({ decoded }: BagContent, calibration: Calibration, home: Float64Array) {
  const position = home.slice();
  const channels = new Map(
    possibleChannels(calibration).map((channel) => [channel.topic, channel]),
  );
  return decoded.flatMap(({ topic, stamp, message }): JointState[] => {
    const channel = channels.get(topic);
    if (!channel) return [];
    channel.decode(message as never, position);
    return [{ stamp, position: position.slice() }];
  });
}

/** Of images in their order the newest at a stamp, or the first one; undefined if there is none. */
function newestAt(images: readonly StoredImage[], stamp: bigint): StoredImage | undefined {
  let [low, high] = [0, images.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (images[middle].stamp <= stamp) low = middle + 1;
    else high = middle;
  }
  return images[Math.max(0, low - 1)];
}

/**
 * The recording in a bag (MCAP: a file, or the folder that ros2 bag makes) of a calibrated robot's topics:
 * joint states, commands of any kind, images. Images are read when they are wanted. Throws a
 * `UserError` for a bag without joint states.
 */
export async function bagRecording(path: string, calibration: Calibration): Promise<Recording> {
  const states = statesTopicsOf(calibration);
  const orders = possibleChannels(calibration).map(({ topic }) => topic);
  const cameras = calibration.cameras.map((camera) => imageTopic(camera).topic);
  const content = await readBag(path, [...states, ...orders], cameras);
  const joints = jointsIn(content, calibration);
  if (joints.length === 0)
    throw new UserError(
      `${path}: no joint states of ${states.join(' and ')}; it has ${[...content.topics].join(', ') || 'no messages'}${listed(content.damage)}`,
    );
  const period = controlPeriod(calibration);
  const first = joints[0].stamp;
  const steps = Number((joints.at(-1)!.stamp - first) / period) + 1;
  const commands = commandsIn(content, calibration, joints[0].position);
  return {
    joints: everyStep(joints, first, steps, period),
    commands: commands.length > 0 ? everyStep(commands, first, steps, period) : [],
    async imagesAt(stamp) {
      const frames = calibration.cameras.map(async (camera): Promise<CameraFrame[]> => {
        const image = newestAt(content.images.get(imageTopic(camera).topic)!, stamp);
        return image ? [frameOf(await image.read(), camera)] : [];
      });
      return (await Promise.all(frames)).flat();
    },
    damage: content.damage,
    end: 'the end of the bag',
  };
}
