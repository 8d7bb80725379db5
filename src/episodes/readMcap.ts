import { UserError, codeOf, messageOf } from '../errors.ts';
import { type ByteSource, openBytes } from './byteSource.ts';
import { CHANNELS, type Channel, readChannels } from './channels.ts';
import { type OpenedChunk, attempt, recordsIn } from './mcapRecord.ts';
import type { McapRecord, RawMessage } from './mcapRecord.ts';
import { type Summary, readSummary } from './mcapSummary.ts';
import { BEHIND_END, type Damage, walk } from './mcapWalk.ts';

/** Where a message stands: its record's place in the file, or its chunk's and its number in that. */
export interface Place {
  at: number;
  number: number;
}

export interface StoredMessage {
  type: 'Message';
  channel: Channel;
  channelId: number;
  sequence: number;
  /** Nanoseconds. */
  stamp: bigint;
  /** CDR bytes, a view of the file's. */
  data: Uint8Array;
  place: Place;
}

export interface StoredMetadata {
  type: 'StoredMetadata';
  name: string;
  strings: ReadonlyMap<string, string>;
}

/** A message of a channel that nothing in the file declares. */
interface Nameless {
  type: 'Nameless';
  channelId: number;
}

export type Stored =
  StoredMessage | StoredMetadata | Nameless | Damage | { type: 'DataEnd' | 'End' };

/** The channels that are known of a file so far, by number. */
export interface Declared {
  channels: Map<number, Channel>;
  schemas: Map<number, Pick<Channel, 'type' | 'definition'>>;
}

const NONE = { type: '', definition: '' };

/** Takes note of what a record declares; the first that is said of a channel counts. */
function declare({ channels, schemas }: Declared, record: McapRecord): void {
  const add = (id: number, channel: Channel) => channels.has(id) || channels.set(id, channel);
  if (record.type === 'Schema' && !schemas.has(record.id))
    schemas.set(record.id, {
      type: record.name,
      definition: new TextDecoder().decode(record.data),
    });
  else if (record.type === 'Channel')
    add(record.id, { topic: record.topic, ...(schemas.get(record.schemaId) ?? NONE) });
  else if (record.type === 'Metadata' && record.name === CHANNELS)
    for (const [id, channel] of readChannels(record.metadata)) add(id, channel);
}

/** What a file's summary declares; empty if it has none. */
export function declaredBy(summary: Summary | undefined): Declared {
  const declared: Declared = { channels: new Map(), schemas: new Map() };
  for (const record of summary?.records ?? []) declare(declared, record);
  return declared;
}

function* inChunk(chunk: OpenedChunk): Generator<[McapRecord, number]> {
  let number = 0;
  for (const record of recordsIn(chunk)) yield [record, number++];
}

/** Messages, metadata and damage of a file, in its order. Adds to `declared` what the file declares. */
export async function* readStored(file: ByteSource, declared: Declared): AsyncGenerator<Stored> {
  const stored = (raw: RawMessage, place: Place): Stored => {
    const { channelId, sequence, logTime: stamp, data } = raw;
    const channel = declared.channels.get(channelId);
    if (!channel) return { type: 'Nameless', channelId };
    return { type: 'Message', channel, channelId, sequence, stamp, data, place };
  };
  for await (const item of walk(file)) {
    if ('type' in item) {
      yield item;
      continue;
    }
    const { record, at } = item;
    declare(declared, record);
    if (record.type === 'Metadata')
      yield { type: 'StoredMetadata', name: record.name, strings: record.metadata };
    else if (record.type === 'DataEnd') yield { type: 'DataEnd' };
    else if (record.type === 'RawMessage') yield stored(record, { at, number: 0 });
    else if (record.type === 'OpenedChunk')
      for (const [inner, number] of inChunk(record)) {
        declare(declared, inner);
        if (inner.type === 'RawMessage') yield stored(inner, { at, number });
      }
  }
}

/** Chunks that are kept open: topics that are read side by side mostly have theirs in few of them. */
const OPEN_CHUNKS = 8;

/** Reads the bytes of messages by their places. */
export function messageReader(file: ByteSource): (place: Place) => Promise<Uint8Array> {
  const open = new Map<number, McapRecord[]>();
  const recordsAt = async (at: number) => {
    const { record } = await attempt(file, at);
    if (!record) throw new Error(`the file has changed at byte ${at}`);
    return record.type === 'OpenedChunk' ? [...recordsIn(record)] : [record];
  };
  return async ({ at, number }) => {
    const records = open.get(at) ?? (await recordsAt(at));
    open.delete(at);
    open.set(at, records);
    if (open.size > OPEN_CHUNKS) open.delete(open.keys().next().value!);
    const message = records[number];
    if (message?.type !== 'RawMessage') throw new Error(`the file has changed at byte ${at}`);
    return message.data;
  };
}

/** Bytes that nothing could be made of, after the first `messages` of the content's. */
export interface Loss {
  at: number;
  bytes: number;
  what: string;
  messages: number;
}

/** Messages by their log times; those of one time stay in the file's order. */
export const inTimeOrder = (messages: readonly StoredMessage[]): StoredMessage[] =>
  [...messages].sort((a, b) => Number(a.stamp - b.stamp));

/** What an MCAP file holds, as far as it is readable. */
export interface McapContent {
  /** In the file's order. */
  messages: StoredMessage[];
  metadata: Map<string, ReadonlyMap<string, string>>;
  losses: Loss[];
  /** Messages whose channel nothing in the file declares. */
  nameless: number;
  /** Why the file is not whole; null if it is. */
  damage: string | null;
  summary: Summary | undefined;
}

function damageOf({ losses, nameless }: McapContent, end: number): string | null {
  const [first] = losses;
  if (first && (first.at + first.bytes < end || first.what === BEHIND_END))
    return `the file is damaged: ${first.what}, ${first.bytes} bytes at byte ${first.at}${losses.length > 1 ? `, and at ${losses.length - 1} more places` : ''}`;
  if (nameless > 0) return `the file is damaged: ${nameless} messages of topics that it does not name`; // prettier-ignore
  return first ? 'the file ends early' : null;
}

async function gather(
  file: ByteSource,
  summary: Summary | undefined,
  declared: Declared,
): Promise<McapContent> {
  const content: McapContent = {
    messages: [],
    metadata: new Map(),
    losses: [],
    nameless: 0,
    damage: null,
    summary,
  };
  let ended = false;
  // What follows the data is made of it, so damage there loses nothing; behind the end may be other data.
  let complete = false;
  for await (const item of readStored(file, declared)) {
    if (item.type === 'Message') content.messages.push(item);
    else if (item.type === 'StoredMetadata') content.metadata.set(item.name, item.strings);
    else if (item.type === 'Nameless') content.nameless++;
    else if (item.type === 'DataEnd') complete = true;
    else if (item.type === 'Damage' && (!complete || item.what === BEHIND_END)) {
      const { at, bytes, what } = item;
      content.losses.push({ at, bytes, what, messages: content.messages.length });
    } else if (item.type === 'End') ended = true;
  }
  content.damage = damageOf(content, file.size);
  if (!ended) content.damage ??= complete ? 'its end is damaged' : 'the file ends early';
  return content;
}

/** Opens a file for reading as MCAP. Throws a `UserError` if there is none. */
export async function openMcap(path: string): Promise<ByteSource> {
  return openBytes(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot read the episode: ${messageOf(error)}`, { cause: error });
  });
}

/**
 * Reads an MCAP file with or without chunks, compressed or not, as far as it is readable. Throws a
 * `UserError` if there is no file to read.
 */
export async function readMcap(path: string): Promise<McapContent> {
  const file = await openMcap(path);
  try {
    const summary = await readSummary(file);
    const declared = declaredBy(summary);
    const content = await gather(file, summary, declared);
    // What is declared after a message that needs it counts too: the first chunk may be lost.
    return content.nameless > 0 ? await gather(file, summary, declared) : content;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw new UserError(`${path}: cannot read the episode: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

/** The metadata of an MCAP file, by its index where it has one. */
export async function readMetadata(
  path: string,
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const file = await openMcap(path);
  try {
    const summary = await readSummary(file);
    if (!summary) throw new UserError('the file is damaged: it has no end; nalu recover reads what there is'); // prettier-ignore
    const metadata = new Map<string, ReadonlyMap<string, string>>();
    for (const { name, offset } of summary.metadataIndex) {
      if (metadata.has(name)) continue;
      const { record } = await attempt(file, Number(offset));
      if (record?.type === 'Metadata') metadata.set(name, record.metadata);
    }
    return metadata;
  } finally {
    await file.close();
  }
}
