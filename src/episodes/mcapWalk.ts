import { MCAP_MAGIC, Opcode } from '@mcap/core';
import type { ByteSource } from './byteSource.ts';
import { type Attempt, type McapRecord, RECORD_HEAD, attempt, lengthOf } from './mcapRecord.ts';

/** Bytes that are no record, or one whose content is damaged. */
export interface Damage {
  type: 'Damage';
  at: number;
  bytes: number;
  what: string;
}

/** The file ends as it should: with its footer and the format's mark. */
export interface End {
  type: 'End';
}

export type Walked = { record: McapRecord; at: number } | Damage | End;

const MAGIC = Buffer.from(MCAP_MAGIC);
/** Content of a DataEnd record. */
const DATA_END = 4;
const SCANNED = 1 << 16;

const hasMagic = async (file: ByteSource, at: number) =>
  (await file.read(at, MAGIC.length)).equals(MAGIC);

/** Whether a record may begin here, or the file ends. */
async function plausible(file: ByteSource, at: number): Promise<boolean> {
  if (at === file.size) return true;
  const length = lengthOf(await file.read(at, RECORD_HEAD));
  return length !== undefined && at + RECORD_HEAD + length <= file.size;
}

/** Kinds of records that are found again by their content. */
const isAnchor = (opcode: Opcode, length: number) =>
  opcode === Opcode.CHUNK ||
  opcode === Opcode.METADATA ||
  (opcode === Opcode.DATA_END && length === DATA_END);

async function isFound(file: ByteSource, at: number): Promise<boolean> {
  const { record, sure, ends } = await attempt(file, at);
  return sure || (record?.type === 'DataEnd' && (await plausible(file, ends[0])));
}

/** The next place at which there surely is a record. */
async function nextRecord(file: ByteSource, from: number): Promise<number | undefined> {
  for (let block = from; block < file.size; block += SCANNED) {
    const bytes = await file.read(block, SCANNED + RECORD_HEAD);
    const last = Math.min(SCANNED, bytes.length - RECORD_HEAD + 1);
    for (let i = 0; i < last; i++) {
      if (!isAnchor(bytes[i], bytes[i + 1])) continue;
      const length = lengthOf(bytes.subarray(i, i + RECORD_HEAD));
      if (length === undefined || block + i + RECORD_HEAD + length > file.size) continue;
      if (await isFound(file, block + i)) return block + i;
    }
  }
  return undefined;
}

async function firstPlausible(file: ByteSource, places: number[]): Promise<number | undefined> {
  for (const place of places) if (await plausible(file, place)) return place;
  return undefined;
}

/** Whether a footer that ends here is that of the file. */
const isLast = async (file: ByteSource, end: number) =>
  file.size - end <= MAGIC.length || (await hasMagic(file, end));

/** What follows the footer: the format's mark, then nothing. */
async function* afterFooter(file: ByteSource, at: number): AsyncGenerator<Walked, void> {
  const marked = await hasMagic(file, at);
  const end = marked ? at + MAGIC.length : at;
  if (end < file.size)
    yield { type: 'Damage', at: end, bytes: file.size - end, what: 'bytes after the end' };
  else if (marked) yield { type: 'End' };
}

/** A file has its messages either in chunks or outside of them: what looks otherwise is damaged. */
async function inPlace(file: ByteSource, at: number, chunked: boolean): Promise<Attempt> {
  const found = await attempt(file, at);
  if (found.record?.type !== 'RawMessage' || !chunked) return found;
  return { sure: false, ends: found.ends, why: 'a message outside of the chunks' };
}

/**
 * Reads an MCAP file record by record, on beyond damage: a record whose content is damaged is passed over by
 * its length; where that is damaged, the next record that can be told by its content is looked for. A file
 * that was cut off has no `End`.
 */
export async function* walk(file: ByteSource): AsyncGenerator<Walked, void> {
  let at = MAGIC.length;
  let chunked = false;
  if (!(await hasMagic(file, 0))) {
    if (!(await plausible(file, at))) at = (await nextRecord(file, 0)) ?? file.size;
    yield { type: 'Damage', at: 0, bytes: Math.min(at, file.size), what: 'no MCAP mark' };
  }
  while (at < file.size) {
    const { record, sure, ends, why } = await inPlace(file, at, chunked);
    chunked ||= record?.type === 'OpenedChunk';
    const next = await firstPlausible(file, ends);
    if (record?.type === 'Footer' && (await isLast(file, ends[0]))) {
      yield { record, at };
      return yield* afterFooter(file, ends[0]);
    }
    if (record && (sure || next !== undefined)) yield { record, at };
    if (next !== undefined) {
      if (!record) yield { type: 'Damage', at, bytes: next - at, what: why ?? 'a damaged record' };
      at = next;
      continue;
    }
    const from = record && sure ? ends[0] : at;
    const found = await nextRecord(file, Math.max(from, at + 1));
    const bytes = (found ?? file.size) - from;
    const what = found === undefined ? 'no record from there to the end' : 'no record there';
    if (bytes > 0) yield { type: 'Damage', at: from, bytes, what };
    at = found ?? file.size;
  }
}
