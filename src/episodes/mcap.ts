import { link, open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { McapWriter } from '@mcap/core';
import type { IWritable } from '@mcap/core';
import { codeOf } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { CHANNELS, type Channel, writeChannels } from './channels.ts';
import { withChecksum } from './checksum.ts';

/** The destination of an episode's bytes. */
export interface Sink extends IWritable {
  /** Resolves when everything written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** MCAP chunk size: the most message bytes held in memory, which a killed process loses. */
const MCAP_CHUNK_BYTES = 4096;

async function writeWhole(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** A new file as a sink; rejects with EEXIST if `path` exists. */
export async function fileSink(path: string): Promise<Sink> {
  const file = await open(path, 'wx');
  let written = 0;
  return {
    position: () => BigInt(written),
    write: async (bytes) => {
      await writeWhole(file, bytes, written);
      written += bytes.length;
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Renames a finished file and syncs its folder, so that the name survives a power cut. Replaces a file at `to`. */
export async function publish(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolderOf(to);
}

/** Error codes of `link` on file systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Like `publish`, but rejects with EEXIST if `to` exists. */
export async function publishNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
    await rm(from);
  } catch (error) {
    if (!NO_LINKS.includes(codeOf(error) ?? '')) throw error;
    if (await isThere(to)) throw Object.assign(new Error(`${to} is there`), { code: 'EEXIST' });
    await rename(from, to);
  }
  await syncFolderOf(to);
}

const fileAt = (path: string) => stat(path).catch(() => undefined);

/** Removes `from` where it is the same file as `to`: `publishNew` was killed between its two steps. */
export async function finishPublishing(from: string, to: string): Promise<void> {
  const [old, published] = await Promise.all([fileAt(from), fileAt(to)]);
  if (old && published && old.dev === published.dev && old.ino === published.ino) await rm(from);
}

/** Removes a file if it is there. */
export const discard = (path: string): Promise<void> => rm(path, { force: true });

/** Writes ROS messages, already in CDR, and metadata to an MCAP file. Calls must not overlap. */
export interface RosbagWriter {
  message(topic: string, stamp: bigint, data: Uint8Array): Promise<void>;
  metadata(name: string, content: Record<string, string>): Promise<void>;
  /** Repeats the channels as metadata. Before its end, MCAP has them in the first chunk only. */
  channels(): Promise<void>;
  end(): Promise<void>;
}

/** Who wrote a file, as its first record says. */
export const LIBRARY = 'nalu';

/** Starts an MCAP file with these channels, readable by `ros2 bag` and Foxglove. */
export async function startRosbag(
  sink: IWritable,
  channels: readonly Channel[],
): Promise<RosbagWriter> {
  const writer = new McapWriter({ writable: sink, chunkSize: MCAP_CHUNK_BYTES });
  await writer.start({ profile: 'ros2', library: LIBRARY });
  const text = new TextEncoder();
  const schemas = new Map<string, number>();
  const ids = new Map<string, { id: number; sequence: number }>();
  for (const { topic, type, definition } of channels) {
    const key = `${type}\n${definition}`;
    const schemaId =
      schemas.get(key) ??
      (await writer.registerSchema({
        name: type,
        encoding: 'ros2msg',
        data: text.encode(definition),
      }));
    schemas.set(key, schemaId);
    const id = await writer.registerChannel({
      schemaId,
      topic,
      messageEncoding: 'cdr',
      metadata: new Map([['offered_qos_profiles', '']]),
    });
    ids.set(topic, { id, sequence: 0 });
  }
  const metadata = (name: string, content: Record<string, string>) =>
    writer.addMetadata({ name, metadata: withChecksum(name, content) });
  const numbered = new Map(channels.map((channel) => [ids.get(channel.topic)!.id, channel]));
  return {
    message: (topic, stamp, data) => {
      const channel = ids.get(topic)!;
      return writer.addMessage({
        channelId: channel.id,
        sequence: channel.sequence++,
        logTime: stamp,
        publishTime: stamp,
        data,
      });
    },
    metadata,
    channels: () => metadata(CHANNELS, writeChannels(numbered)),
    end: () => writer.end(),
  };
}
