import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { McapWriter } from '@mcap/core';
import type { IWritable } from '@mcap/core';
import { SCHEMAS } from './schemas.ts';
import type { SchemaName } from './schemas.ts';

/** Where an episode's bytes go. */
export interface Sink extends IWritable {
  /** Resolves when everything written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Bytes of messages that may be in memory alone: what a killed process loses of its last step. */
const MCAP_CHUNK_BYTES = 4096;

async function writeWhole(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** A new file as a sink; fails if there is one at `path` unless it may be replaced. */
export async function fileSink(path: string, existing: 'keep' | 'replace'): Promise<Sink> {
  const file = await open(path, existing === 'keep' ? 'wx' : 'w');
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

/** Gives a finished file its name, so that it is there under that name after a power cut too. */
export async function publish(from: string, to: string): Promise<void> {
  await rename(from, to);
  const folder = await open(dirname(to), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a file if it is there. */
export const discard = (path: string): Promise<void> => rm(path, { force: true });

/** Writes ROS messages, already in CDR, and metadata to an MCAP file. Calls must not overlap. */
export interface RosbagWriter {
  message(topic: string, stamp: bigint, data: Uint8Array): Promise<void>;
  metadata(name: string, content: Record<string, string>): Promise<void>;
  end(): Promise<void>;
}

/** Starts an MCAP file as `ros2 bag` and Foxglove read it, with these topics. */
export async function startRosbag(
  sink: IWritable,
  topics: ReadonlyMap<string, SchemaName>,
): Promise<RosbagWriter> {
  const writer = new McapWriter({ writable: sink, chunkSize: MCAP_CHUNK_BYTES });
  await writer.start({ profile: 'ros2', library: 'nalu' });
  const text = new TextEncoder();
  const schemas = new Map<SchemaName, number>();
  const channels = new Map<string, { id: number; sequence: number }>();
  for (const [topic, name] of topics) {
    const schemaId =
      schemas.get(name) ??
      (await writer.registerSchema({
        name,
        encoding: 'ros2msg',
        data: text.encode(SCHEMAS[name]),
      }));
    schemas.set(name, schemaId);
    const id = await writer.registerChannel({
      schemaId,
      topic,
      messageEncoding: 'cdr',
      metadata: new Map([['offered_qos_profiles', '']]),
    });
    channels.set(topic, { id, sequence: 0 });
  }
  return {
    message: (topic, stamp, data) => {
      const channel = channels.get(topic)!;
      return writer.addMessage({
        channelId: channel.id,
        sequence: channel.sequence++,
        logTime: stamp,
        publishTime: stamp,
        data,
      });
    },
    metadata: (name, content) =>
      writer.addMetadata({ name, metadata: new Map(Object.entries(content)) }),
    end: () => writer.end(),
  };
}
