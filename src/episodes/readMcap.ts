import { readFile } from 'node:fs/promises';
import { McapStreamReader } from '@mcap/core';
import { UserError, messageOf } from '../errors.ts';

export interface StoredMessage {
  topic: string;
  /** Nanoseconds. */
  stamp: bigint;
  /** CDR bytes, a view of the whole file's. */
  data: Uint8Array;
}

/** What an MCAP file holds, up to its last complete record. */
export interface McapContent {
  messages: StoredMessage[];
  metadata: Map<string, ReadonlyMap<string, string>>;
  /** Why the file is not whole; null if it is. */
  damage: string | null;
}

/** Reads an MCAP file as far as it is readable. Throws a UserError if there is no file to read. */
export async function readMcap(path: string): Promise<McapContent> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot read the episode: ${messageOf(error)}`, { cause: error });
  });
  const topics = new Map<number, string>();
  const content: McapContent = { messages: [], metadata: new Map(), damage: null };
  try {
    const reader = new McapStreamReader();
    reader.append(bytes);
    for (let record; (record = reader.nextRecord());) {
      if (record.type === 'Channel') topics.set(record.id, record.topic);
      else if (record.type === 'Metadata') content.metadata.set(record.name, record.metadata);
      else if (record.type === 'Message')
        content.messages.push({
          topic: topics.get(record.channelId)!,
          stamp: record.logTime,
          data: record.data,
        });
    }
    if (!reader.done()) content.damage = 'the file ends early';
  } catch (error) {
    content.damage = `the file is damaged: ${messageOf(error)}`;
  }
  return content;
}
