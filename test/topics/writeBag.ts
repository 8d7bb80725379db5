import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CdrWriter } from '@foxglove/cdr';
import { parse } from '@foxglove/rosmsg';
import { MessageWriter } from '@foxglove/rosmsg2-serialization';
import { McapWriter, type McapWriterOptions } from '@mcap/core';
import sqlite from 'node-sqlite3-wasm';
import { fileSink } from '../../src/episodes/mcap.ts';
import { stampOf } from '../../src/episodes/rosTime.ts';

/** A message to be put into a bag. */
export interface Said {
  topic: string;
  type: string;
  /** When it is recorded, ns. */
  stamp: bigint;
  data: Uint8Array;
}

const TIME = 'MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n';
const HEADER = `MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n`;
const LINE = `${'='.repeat(80)}\n`;

/** Definitions as rosbag2 writes them. */
export const DEFINED: Record<string, string> = {
  'sensor_msgs/msg/JointState': `std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n${LINE}${HEADER}${LINE}${TIME}`,
  'interbotix_xs_msgs/msg/JointGroupCommand': 'string name\nfloat32[] cmd\n',
  'interbotix_xs_msgs/msg/JointSingleCommand': 'string name\nfloat32 cmd\n',
  'sensor_msgs/msg/Image': `std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data\n${LINE}${HEADER}${LINE}${TIME}`,
  'sensor_msgs/msg/CompressedImage': `std_msgs/Header header\nstring format\nuint8[] data\n${LINE}${HEADER}${LINE}${TIME}`,
};

const writers = new Map<string, MessageWriter>();

/** CDR bytes of a message. */
export function cdr(type: string, message: object): Uint8Array {
  const writer = writers.get(type) ?? new MessageWriter(parse(DEFINED[type], { ros2: true }));
  writers.set(type, writer);
  return writer.writeMessage(message);
}

/** sensor_msgs/Image of RGB8 pixels. */
export function imageCdr(stamp: bigint, width: number, height: number, pixels: Uint8Array) {
  const { sec, nanosec } = stampOf(stamp);
  const writer = new CdrWriter({ size: pixels.length + 200 });
  writer.int32(sec).uint32(nanosec).string('cam').uint32(height).uint32(width);
  writer
    .string('rgb8')
    .uint8(0)
    .uint32(width * 3);
  return writer.uint8Array(pixels, true).data;
}

/** Writes a bag's file in MCAP. */
export async function writeMcap(
  path: string,
  said: readonly Said[],
  options: Partial<McapWriterOptions> = {},
): Promise<void> {
  const sink = await fileSink(path);
  const writer = new McapWriter({ ...options, writable: sink });
  await writer.start({ profile: 'ros2', library: 'test' });
  const channels = new Map<string, number>();
  for (const { topic, type, stamp, data } of said) {
    if (!channels.has(topic)) {
      const definition = new TextEncoder().encode(DEFINED[type] ?? '');
      const schemaId = await writer.registerSchema({ name: type, encoding: 'ros2msg', data: definition }); // prettier-ignore
      const channel = { schemaId, topic, messageEncoding: 'cdr', metadata: new Map() };
      channels.set(topic, await writer.registerChannel(channel));
    }
    const channelId = channels.get(topic)!;
    await writer.addMessage({ channelId, sequence: 0, logTime: stamp, publishTime: stamp, data });
  }
  await writer.end();
  await sink.close();
}

/** The tables of rosbag2 in ROS 2 Humble, and those that Iron added. */
const TABLES = [
  'CREATE TABLE topics(id INTEGER PRIMARY KEY,name TEXT NOT NULL,type TEXT NOT NULL,serialization_format TEXT NOT NULL,offered_qos_profiles TEXT NOT NULL)',
  'CREATE TABLE messages(id INTEGER PRIMARY KEY,topic_id INTEGER NOT NULL,timestamp INTEGER NOT NULL, data BLOB NOT NULL)',
  'CREATE INDEX timestamp_idx ON messages (timestamp ASC)',
];
const DEFINITIONS =
  'CREATE TABLE message_definitions(id INTEGER PRIMARY KEY,topic_type TEXT NOT NULL,encoding TEXT NOT NULL,encoded_message_definition TEXT NOT NULL,type_description_hash TEXT NOT NULL)';

/** Writes a bag's file in SQLite. */
export function writeSqlite(path: string, said: readonly Said[], { defined = true } = {}): void {
  const db = new sqlite.Database(path);
  for (const table of [...TABLES, ...(defined ? [DEFINITIONS] : [])]) db.exec(table);
  db.exec('BEGIN');
  const ids = new Map<string, number>();
  const insert = db.prepare('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)');
  for (const { topic, type, stamp, data } of said) {
    if (!ids.has(topic)) {
      ids.set(topic, ids.size + 1);
      db.run("INSERT INTO topics VALUES (?, ?, ?, 'cdr', '')", [ids.get(topic)!, topic, type]);
      if (defined && DEFINED[type])
        db.run("INSERT INTO message_definitions (topic_type, encoding, encoded_message_definition, type_description_hash) VALUES (?, 'ros2msg', ?, '')", [type, DEFINED[type]]); // prettier-ignore
    }
    insert.run([ids.get(topic)!, stamp, data]);
  }
  insert.finalize();
  db.exec('COMMIT');
  db.close();
}

/** Writes the metadata.yaml beside the files of a bag's folder. */
export async function describe(folder: string, files: string[], more = ''): Promise<void> {
  const lines = files.map((file) => `    - ${basename(file)}\n`).join('');
  await writeFile(
    join(folder, 'metadata.yaml'),
    `rosbag2_bagfile_information:\n  version: 9\n  relative_file_paths:\n${lines}${more}`,
  );
}

/** Writes a bag as the folder that ros2 bag makes. */
export async function writeBag(
  folder: string,
  said: readonly Said[],
  storage: 'mcap' | 'sqlite3' = 'mcap',
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${basename(folder)}_0.${storage === 'mcap' ? 'mcap' : 'db3'}`);
  await mkdir(dirname(path), { recursive: true });
  if (storage === 'mcap') await writeMcap(path, said, { chunkSize: 16384 });
  else writeSqlite(path, said);
  await describe(folder, [path]);
  return path;
}
