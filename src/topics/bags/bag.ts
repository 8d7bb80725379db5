import { UserError, messageOf } from '../../errors.ts';
import { openBytes } from '../../episodes/byteSource.ts';
import { decodeAs } from '../../episodes/schemas.ts';
import type { BagFile, BagMessage } from './bagFile.ts';
import { bagFiles } from './bagFiles.ts';
import { openMcapFile } from './mcapFile.ts';
import { openSqliteFile } from './sqliteFile.ts';

/** A message of a bag, decoded. */
export interface Decoded {
  topic: string;
  /** When it was recorded, ns. */
  stamp: bigint;
  message: unknown;
}

/** An image of a bag, which stays there until it is wanted. */
export interface StoredImage {
  /** When it was recorded, ns. */
  stamp: bigint;
  /** The bytes of its message, until the bag is closed. */
  read: () => Promise<Uint8Array>;
}

/** Topics that are wanted of a bag, with the types that their messages must have. */
export interface WantedTopics {
  /** Decoded at once. */
  decode: ReadonlyMap<string, string>;
  images: ReadonlyMap<string, string>;
}

/** What is wanted of a bag, by the time at which it was recorded: in memory, but for the images. */
export interface Bag {
  decoded: Decoded[];
  /** Of each topic that was wanted. */
  images: Map<string, StoredImage[]>;
  /** Every topic that there is. */
  topics: Set<string>;
  /** What is damaged and was left out, each with its file. */
  damage: string[];
  close(): Promise<void>;
}

async function openFile(path: string): Promise<BagFile> {
  const file = await openBytes(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read as a bag: ${messageOf(error)}`, {
      cause: error,
      subject: path,
    });
  });
  try {
    return await (path.endsWith('.db3') ? openSqliteFile : openMcapFile)(file, path);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Adds a message; throws where it is not what is wanted of its topic. */
async function add(bag: Bag, message: BagMessage, { decode, images }: WantedTopics) {
  const { channel, stamp, data, read } = message;
  const { topic, type, definition } = channel;
  const wanted = decode.get(topic) ?? images.get(topic);
  if (type !== wanted)
    throw new UserError(`${topic} has messages of ${type}, not of ${wanted}`, {
      kind: 'invalid',
      subject: topic,
    });
  if (images.has(topic)) bag.images.get(topic)!.push({ stamp, read });
  else
    try {
      bag.decoded.push({ topic, stamp, message: decodeAs(definition, await data()) });
    } catch (error) {
      throw new UserError(
        `${topic} has messages that cannot be decoded as ${type}: ${messageOf(error)}`,
        { kind: 'invalid', subject: topic },
      );
    }
}

/** Reads a file from its beginning to its end. Of several messages with the same fault the first is told. */
async function readInto(bag: Bag, file: BagFile, path: string, wanted: WantedTopics) {
  const faulty = new Set<string>();
  for await (const item of file.contents(
    new Set([...wanted.decode.keys(), ...wanted.images.keys()]),
  ))
    if (typeof item === 'string') bag.damage.push(`${path}: ${item}`);
    else
      await add(bag, item, wanted).catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        if (!faulty.has(item.channel.topic)) bag.damage.push(`${path}: ${error.message}`);
        faulty.add(item.channel.topic);
      });
  for (const topic of file.topics()) bag.topics.add(topic);
}

/**
 * Opens a bag, MCAP or SQLite: a file, or the folder that ros2 bag makes. Damage is told and read past. Throws a
 * `UserError` for what is no bag.
 */
export async function openBag(path: string, wanted: WantedTopics): Promise<Bag> {
  const open: BagFile[] = [];
  const close = async () => void (await Promise.all(open.map((file) => file.close())));
  const bag: Bag = {
    decoded: [],
    images: new Map([...wanted.images.keys()].map((topic) => [topic, []])),
    topics: new Set(),
    damage: [],
    close,
  };
  try {
    for (const name of await bagFiles(path)) {
      const file = await openFile(name);
      open.push(file);
      await readInto(bag, file, name, wanted);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const byTime = (a: { stamp: bigint }, b: { stamp: bigint }) => Number(a.stamp - b.stamp);
  bag.decoded.sort(byTime);
  for (const images of bag.images.values()) images.sort(byTime);
  return bag;
}

/** Of items in their order the newest at a stamp; undefined before the first. */
export function newestAt<T extends { stamp: bigint }>(
  items: readonly T[],
  stamp: bigint,
): T | undefined {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].stamp <= stamp) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? items[low - 1] : undefined;
}
