import { crc32 } from 'node:zlib';
import { McapStreamReader, Opcode } from '@mcap/core';
import type { TypedMcapRecord } from '@mcap/core';
import { messageOf } from '../errors.ts';
import type { ByteSource } from './byteSource.ts';
import { checksumHolds } from './checksum.ts';
import { decompressor } from './decompress.ts';

/** Bytes before a record's content: opcode and length. */
export const RECORD_HEAD = 9;
/** Bytes of a chunk's content before its compression's name, and after that name. */
const CHUNK_HEAD = 28;
const CHUNK_TAIL = 8;
/** Longest name of a compression, bytes. */
const LONGEST_NAME = 32;
const MESSAGE_HEAD = 22;

export interface RawMessage {
  type: 'RawMessage';
  channelId: number;
  sequence: number;
  /** Nanoseconds. */
  logTime: bigint;
  data: Uint8Array;
}

/** A chunk with a correct checksum, or without one and with complete records only. */
export interface OpenedChunk {
  type: 'OpenedChunk';
  records: Buffer;
  hasChecksum: boolean;
}

export type McapRecord = OpenedChunk | RawMessage | TypedMcapRecord;

/** The result of reading a record at an offset of a file. */
export interface Attempt {
  /** Absent where the content is damaged. */
  record?: McapRecord;
  /** The content was verified, so this is a record whatever follows it. */
  sure: boolean;
  /** Possible offsets of the next record, most likely first. */
  ends: number[];
  /** What is wrong with the content, if known. */
  why?: string;
}

/** A record's length in bytes; undefined if no record starts with these bytes. */
export function lengthOf(head: Buffer): number | undefined {
  if (head.length < RECORD_HEAD) return undefined;
  const known = head[0] in Opcode;
  // Opcodes from 0x80 on are reserved for private records.
  if (!known && head[0] < 0x80) return undefined;
  return head.readUInt32LE(5) < 2 ** 21 ? Number(head.readBigUInt64LE(1)) : undefined;
}

/** Parses a record with the mcap package; not for chunks, messages and the footer. */
function parsed(record: Buffer): TypedMcapRecord | undefined {
  const reader = new McapStreamReader({ noMagicPrefix: true });
  reader.append(record);
  return reader.nextRecord();
}

const message = (content: Buffer): RawMessage => ({
  type: 'RawMessage',
  channelId: content.readUInt16LE(0),
  sequence: content.readUInt32LE(2),
  logTime: content.readBigUInt64LE(6),
  data: content.subarray(MESSAGE_HEAD),
});

/** Content lengths of records with a fixed length, bytes. */
const LENGTHS: Record<number, number> = {
  [Opcode.FOOTER]: 20,
  [Opcode.SUMMARY_OFFSET]: 17,
  [Opcode.DATA_END]: 4,
};

const footer = (content: Buffer): TypedMcapRecord => ({
  type: 'Footer',
  summaryStart: content.readBigUInt64LE(0),
  summaryOffsetStart: content.readBigUInt64LE(8),
  summaryCrc: content.readUInt32LE(16),
});

/** Parses a record of any kind but a chunk, from its head and content. Throws if it is malformed. */
function parseRecord(record: Buffer): McapRecord {
  const content = record.subarray(RECORD_HEAD);
  if ((LENGTHS[record[0]] ?? content.length) !== content.length) throw new Error('a wrong length');
  const kind: Opcode = record[0];
  if (kind === Opcode.MESSAGE_INDEX && content.readUInt32LE(2) + 6 !== content.length)
    throw new Error('a wrong length');
  if (kind === Opcode.MESSAGE) return message(content);
  if (kind === Opcode.FOOTER) return footer(content);
  const found = parsed(record);
  if (!found || found.type === 'Unknown') throw new Error('a record of an unknown kind');
  return found;
}

/** The records of an opened chunk. Throws if one is malformed. */
export function* recordsIn({ records }: Pick<OpenedChunk, 'records'>): Generator<McapRecord> {
  for (let at = 0; at < records.length;) {
    const length = lengthOf(records.subarray(at, at + RECORD_HEAD));
    if (length === undefined || at + RECORD_HEAD + length > records.length)
      throw new Error('a malformed record in a chunk');
    yield parseRecord(records.subarray(at, at + RECORD_HEAD + length));
    at += RECORD_HEAD + length;
  }
}

/** Whether the lengths inside a metadata record add up to the record's length. */
function addsUp(content: Buffer): boolean {
  const name = content.readUInt32LE(0);
  return content.length >= name + 8 && name + 8 + content.readUInt32LE(4 + name) === content.length;
}

async function openChunk(
  compressed: Buffer,
  compression: string,
  head: Buffer,
): Promise<OpenedChunk | string> {
  const decompress = await decompressor(compression);
  if (!decompress) return `the unknown compression ${compression}`;
  try {
    const bytes = decompress(compressed, Number(head.readBigUInt64LE(16)));
    const records = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const expected = head.readUInt32LE(24);
    const chunk: OpenedChunk = { type: 'OpenedChunk', records, hasChecksum: expected !== 0 };
    if (chunk.hasChecksum) return crc32(records) === expected ? chunk : 'a wrong checksum';
    return [...recordsIn(chunk)].length > 0 ? chunk : 'an empty chunk';
  } catch (error) {
    return messageOf(error);
  }
}

/** Reads a chunk by the length of its record or by the length of its contents: either may be damaged. */
async function attemptChunk(file: ByteSource, at: number, outer: number): Promise<Attempt> {
  const start = at + RECORD_HEAD;
  const head = await file.read(start, CHUNK_HEAD + 4 + LONGEST_NAME + CHUNK_TAIL);
  const within = (end: number) => end > start && end <= file.size;
  const outerEnd = start + outer;
  const damaged = { sure: false, ends: [outerEnd].filter(within) };
  if (head.length < CHUNK_HEAD + 4 + CHUNK_TAIL) return damaged;
  const nameLength = head.readUInt32LE(CHUNK_HEAD);
  const nameEnd = CHUNK_HEAD + 4 + nameLength;
  if (nameLength > LONGEST_NAME || nameEnd + CHUNK_TAIL > head.length) return damaged;
  const compression = head.toString('latin1', CHUNK_HEAD + 4, nameEnd);
  const first = start + nameEnd + CHUNK_TAIL;
  const innerEnd = first + Number(head.readBigUInt64LE(nameEnd));
  const ends = [...new Set([innerEnd, outerEnd])].filter((end) => end >= first && within(end));
  let why: string | undefined;
  for (const end of ends) {
    const chunk = await openChunk(await file.read(first, end - first), compression, head);
    if (typeof chunk !== 'string')
      return { record: chunk, sure: true, ends: [...new Set([end, ...ends])] };
    why ??= chunk;
  }
  return { sure: false, ends, why };
}

async function attemptOther(file: ByteSource, at: number, length: number): Promise<Attempt> {
  const end = at + RECORD_HEAD + length;
  if (end > file.size) return { sure: false, ends: [] };
  const bytes = await file.read(at, RECORD_HEAD + length);
  try {
    const record = parseRecord(bytes);
    if (record.type !== 'Metadata') return { record, sure: false, ends: [end] };
    if (addsUp(bytes.subarray(RECORD_HEAD)) && checksumHolds(record))
      return { record, sure: true, ends: [end] };
    return { sure: false, ends: [end], why: 'damaged metadata' };
  } catch (error) {
    return { sure: false, ends: [end], why: messageOf(error) };
  }
}

/**
 * Reads the bytes at an offset as a record and verifies it where possible: a chunk by its checksum, metadata by its
 * lengths and its checksum if it has one.
 */
export async function attempt(file: ByteSource, at: number): Promise<Attempt> {
  const head = await file.read(at, RECORD_HEAD);
  const length = lengthOf(head);
  if (length === undefined) return { sure: false, ends: [] };
  const kind: Opcode = head[0];
  if (kind === Opcode.CHUNK) return attemptChunk(file, at, length);
  const other = await attemptOther(file, at, length);
  if (other.record) return other;
  // The opcode itself may be damaged.
  const chunk = await attemptChunk(file, at, length);
  return chunk.sure ? chunk : other;
}
