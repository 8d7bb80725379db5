import { UserError, codeOf, messageOf } from '../errors.ts';
import { type ByteSource, openBytes } from './byteSource.ts';
import { CHANNELS, type Channel, readChannels } from './channels.ts';
import { type OpenedChunk, attempt, recordsIn } from './mcapRecord.ts';
import type { McapRecord, RawMessage } from './mcapRecord.ts';
import { type Summary, readSummary } from './mcapSummary.ts';
import { BEHIND_END, type Damage, walk } from './mcapWalk.ts';

/** The location of a message: offset of its record or its chunk, and its index within the chunk. */
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

/** A message whose channel is not declared in the file. */
interface Nameless {
  type: 'Nameless';
  channelId: number;
}

export type Stored =
  StoredMessage | StoredMetadata | Nameless | Damage | { type: 'DataEnd' | 'End' };

/** The channels and schemas of a file known so far, by id. */
export interface Declared {
  channels: Map<number, Channel>;
  schemas: Map<number, Pick<Channel, 'type' | 'definition'>>;
}

const NONE = { type: '', definition: '' };

/** Adds a record's declarations; the first declaration of a channel wins. */
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

/** The declarations in a file's summary; empty without a summary. */
export function declaredBy(summary: Summary | undefined): Declared {
  const declared: Declared = { channels: new Map(), schemas: new Map() };
  for (const record of summary?.records ?? []) declare(declared, record);
  return declared;
}

function* inChunk(chunk: OpenedChunk): Generator<[McapRecord, number]> {
  let number = 0;
  for (const record of recordsIn(chunk)) yield [record, number++];
}

/** Messages, metadata and damage of a file in file order. Adds the file's declarations to `declared`. */
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

/** Number of chunks kept open: topics read in parallel mostly share a few chunks. */
const OPEN_CHUNKS = 8;

/** Reads messages' bytes by their location. Throws if the file has changed. */
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

/** Unreadable bytes, after the first `messages` messages of the content. */
export interface Loss {
  at: number;
  bytes: number;
  what: string;
  messages: number;
}

/** Messages sorted by log time; equal times keep the file order. */
export const inTimeOrder = (messages: readonly StoredMessage[]): StoredMessage[] =>
  [...messages].sort((a, b) => Number(a.stamp - b.stamp));

/** The readable content of an MCAP file. */
export interface McapContent {
  /** In the file's order. */
  messages: StoredMessage[];
  metadata: Map<string, ReadonlyMap<string, string>>;
  losses: Loss[];
  /** Number of messages whose channel is not declared in the file. */
  nameless: number;
  /** Why the file is damaged; null if it is intact. */
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
  // The summary is derived from the data, so damage in it loses nothing. Bytes after the end may be other data.
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

/** Opens a file for reading as MCAP. Throws a `UserError` if it cannot be opened. */
export async function openMcap(path: string): Promise<ByteSource> {
  return openBytes(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot read the episode: ${messageOf(error)}`, {
      cause: error,
      subject: path,
    });
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
    // If the first chunk is lost, channels may be declared only after their messages: read again with them.
    return content.nameless > 0 ? await gather(file, summary, declared) : content;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw new UserError(`${path}: cannot read the episode: ${messageOf(error)}`, {
      cause: error,
      subject: path,
    });
  } finally {
    await file.close();
  }
}

/** The metadata of an MCAP file, read through its index. Throws a `UserError` if the file has no summary. */
export async function readMetadata(
  path: string,
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const file = await openMcap(path);
  try {
    const summary = await readSummary(file);
    if (!summary) throw new UserError('the file is damaged: it has no end; nalu recover reads what there is', { kind: 'invalid' }); // prettier-ignore
    const metadata = new Map<string, ReadonlyMap<string, string>>();
    // The last copies, beside the summary, take the fewest reads.
    for (const { name, offset } of summary.metadataIndex.toReversed()) {
      if (metadata.has(name)) continue;
      const { record } = await attempt(file, Number(offset));
      if (record?.type === 'Metadata') metadata.set(name, record.metadata);
    }
    return metadata;
  } finally {
    await file.close();
  }
}
