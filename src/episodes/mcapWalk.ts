import { MCAP_MAGIC, Opcode } from '@mcap/core';
import type { ByteSource } from './byteSource.ts';
import { hasChecksum } from './checksum.ts';
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

/** Kinds of records that are found again by their content. */
const isAnchor = (opcode: Opcode, length: number) =>
  opcode === Opcode.CHUNK ||
  opcode === Opcode.METADATA ||
  (opcode === Opcode.DATA_END && length === DATA_END);

async function isFound(file: ByteSource, at: number): Promise<boolean> {
  const { record, sure } = await attempt(file, at);
  return sure || record?.type === 'DataEnd';
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

/** Whether a footer that ends here is that of the file. */
const isLast = async (file: ByteSource, end: number) =>
  file.size - end <= MAGIC.length || (await hasMagic(file, end));

/** What is said of bytes behind a whole file, as where two were joined. */
export const BEHIND_END = 'bytes after the end';

async function isZero(file: ByteSource, from: number): Promise<boolean> {
  for (let at = from; at < file.size; at += SCANNED)
    if ((await file.read(at, SCANNED)).some((byte) => byte !== 0)) return false;
  return true;
}

/** What follows the footer: the format's mark, then nothing, or zeros that a file system left there. */
async function* afterFooter(file: ByteSource, at: number): AsyncGenerator<Walked, void> {
  const marked = await hasMagic(file, at);
  const end = marked ? at + MAGIC.length : at;
  if (end < file.size) {
    const what = marked && !(await isZero(file, end)) ? BEHIND_END : 'a damaged end';
    yield { type: 'Damage', at: end, bytes: file.size - end, what };
  } else if (marked) yield { type: 'End' };
}

/** Attempts at the places of one file, the last one remembered: each is looked at before it is walked to. */
function attempts(file: ByteSource) {
  let last: { at: number; found: Attempt } | undefined;
  let chunked = false;
  let chunkless = false;
  let checked = false;
  let vouched = false;
  /** What is unlike the rest of the file is damaged: it has chunks or it has none, with checksums or without. */
  const unlike = async ({ record }: Attempt, at: number): Promise<string | undefined> => {
    if (record?.type === 'RawMessage' && (await hasChunks(at)))
      return 'a message outside of the chunks';
    if (record?.type === 'Metadata') {
      if (vouched && !hasChecksum(record)) return 'metadata without a checksum';
      vouched ||= hasChecksum(record);
    }
    if (record?.type !== 'OpenedChunk') return undefined;
    if (checked && !record.hasChecksum) return 'a chunk without a checksum';
    chunked = true;
    checked ||= record.hasChecksum;
    return undefined;
  };
  const look = async (at: number): Promise<Attempt> => {
    if (last?.at === at) return last.found;
    const found = await attempt(file, at);
    const why = await unlike(found, at);
    last = { at, found: why === undefined ? found : { sure: false, ends: found.ends, why } };
    return last.found;
  };
  /** Whether the file has chunks, of which there are some behind `at` if there were none before. */
  const hasChunks = async (at: number): Promise<boolean> => {
    let from = at;
    while (!chunked && !chunkless) {
      const next = await nextRecord(file, from + 1);
      if (next === undefined) chunkless = true;
      else await look((from = next));
    }
    return chunked;
  };
  return {
    look,
    /** The first of these places at which there is a record, or the file's end. */
    async soundOf(places: number[]): Promise<number | undefined> {
      for (const place of places)
        if (place === file.size || (await look(place)).record) return place;
      return undefined;
    },
    hasChunks,
  };
}

/**
 * Reads an MCAP file record by record, on beyond damage: behind a damaged record the next one is looked for that
 * can be told by its content. A file that was cut off has no `End`.
 */
export async function* walk(file: ByteSource): AsyncGenerator<Walked, void> {
  const tried = attempts(file);
  let at = MAGIC.length;
  if (!(await hasMagic(file, 0))) {
    if (!(await tried.look(at)).record) at = (await nextRecord(file, 0)) ?? file.size;
    yield { type: 'Damage', at: 0, bytes: Math.min(at, file.size), what: 'no MCAP mark' };
  }
  while (at < file.size) {
    const { record, sure, ends, why } = await tried.look(at);
    if (record?.type === 'Footer' && (await isLast(file, ends[0]))) {
      yield { record, at };
      return yield* afterFooter(file, ends[0]);
    }
    let next = await tried.soundOf(ends);
    // By the length of what is damaged a chunk might be missed.
    if (!record && (await tried.hasChunks(at))) next = undefined;
    const found = sure || next !== undefined ? undefined : await nextRecord(file, at + 1);
    // A record before damage is whole, unless its own length is what is damaged.
    if (record && (found === undefined || found >= ends[0])) {
      yield { record, at };
      at = next ?? ends[0];
      continue;
    }
    next ??= found ?? file.size;
    const what = why ?? (next === file.size ? 'an incomplete record' : 'no record');
    yield { type: 'Damage', at, bytes: next - at, what };
    at = next;
  }
}
