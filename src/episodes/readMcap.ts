import { readFile } from 'node:fs/promises';
import { McapStreamReader } from '@mcap/core';
import { UserError, messageOf } from '../errors.ts';

export interface StoredMessage {
  topic: string;
  /** The message's definition, as the file has it. */
  definition: string;
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
  const definitions = new Map<number, string>();
  const channels = new Map<number, Pick<StoredMessage, 'topic' | 'definition'>>();
  const content: McapContent = { messages: [], metadata: new Map(), damage: null };
  try {
    const reader = new McapStreamReader();
    reader.append(bytes);
    for (let record; (record = reader.nextRecord());) {
      if (record.type === 'Schema')
        definitions.set(record.id, new TextDecoder().decode(record.data));
      else if (record.type === 'Channel')
        channels.set(record.id, {
          topic: record.topic,
          definition: definitions.get(record.schemaId) ?? '',
        });
      else if (record.type === 'Metadata') content.metadata.set(record.name, record.metadata);
      else if (record.type === 'Message')
        content.messages.push({
          ...channels.get(record.channelId)!,
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
