import { stat } from 'node:fs/promises';
import type { ByteSource } from '../../episodes/byteSource.ts';
import type { Channel } from '../../episodes/channels.ts';
import { invalid } from '../../errors.ts';
import type { BagFile } from './bagFile.ts';
import { DEFINITIONS } from './definitions.ts';
import { type Sqlite, openSqlite } from './sqlite.ts';
import { textOf } from './sqliteRow.ts';

/** Files beside a database that hold what its writer has not brought into it. */
const UNFINISHED = ['-wal', '-journal'];

async function checkFinished(path: string): Promise<void> {
  for (const suffix of UNFINISHED) {
    const beside = await stat(path + suffix).catch(() => undefined);
    if (beside && beside.size > 0)
      throw invalid(
        path,
        `its recorder did not end; ${path}${suffix} holds ${beside.size} bytes more. sqlite3 ${path} "PRAGMA wal_checkpoint(TRUNCATE)" brings them into it`,
      );
  }
}

/** Definitions in a file, by type: ROS 2 Iron and newer write them. */
async function definitionsIn(tables: Sqlite): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { values } of tables.rows('message_definitions')) {
    const [, type, encoding, definition] = await Promise.all(values.map(textOf));
    if (encoding === 'ros2msg') found.set(type, definition);
  }
  return found;
}

/** The topics of a file, by id. */
async function channelsIn(tables: Sqlite): Promise<Map<number, Channel>> {
  const definitions = await definitionsIn(tables);
  const channels = new Map<number, Channel>();
  for await (const { id, values } of tables.rows('topics')) {
    const [, topic, type] = await Promise.all(values.map(textOf));
    const definition = definitions.get(type) ?? DEFINITIONS[type] ?? '';
    channels.set(id, { topic, type, definition });
  }
  return channels;
}

/** A bag's file in SQLite, of any version of rosbag2. Throws a `UserError` for one whose recorder did not end. */
export async function openSqliteFile(file: ByteSource, path: string): Promise<BagFile> {
  await checkFinished(path);
  const tables = await openSqlite(file, path);
  const channels = await channelsIn(tables);
  return {
    async *contents(wanted) {
      for await (const { values } of tables.rows('messages')) {
        const [, topicId, stamp, data] = values;
        const channel = channels.get(Number(topicId));
        if (!channel || !wanted.has(channel.topic)) continue;
        if (typeof stamp !== 'bigint' || typeof data !== 'object') continue;
        yield { channel, stamp, data: data.read, read: data.read };
      }
      yield* tables.damage;
    },
    topics: () => [...channels.values()].map(({ topic }) => topic),
    close: () => file.close(),
  };
}
