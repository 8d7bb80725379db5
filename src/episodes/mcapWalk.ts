import { MCAP_MAGIC, Opcode } from '@mcap/core';
import type { ByteSource } from './byteSource.ts';
import { hasChecksum } from './checksum.ts';
import { type Attempt, type McapRecord, RECORD_HEAD, attempt, lengthOf } from './mcapRecord.ts';

/** Bytes that are not a record, or a record with damaged content. */
export interface Damage {
  type: 'Damage';
  at: number;
  bytes: number;
  what: string;
}

/** The proper end of a file: its footer and the MCAP magic. */
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

/** Whether a record can be recognised by its content, to resume reading after damage. */
const isAnchor = (opcode: Opcode, length: number) =>
  opcode === Opcode.CHUNK ||
  opcode === Opcode.METADATA ||
  (opcode === Opcode.DATA_END && length === DATA_END);

async function isFound(file: ByteSource, at: number): Promise<boolean> {
  const { record, sure } = await attempt(file, at);
  return sure || record?.type === 'DataEnd';
}

/** Offset of the next verified record; undefined if there is none. */
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

/** Whether a footer that ends at `end` is the file's last. */
const isLast = async (file: ByteSource, end: number) =>
  file.size - end <= MAGIC.length || (await hasMagic(file, end));

/** Description of bytes after a complete file, for example where two files were concatenated. */
export const BEHIND_END = 'bytes after the end';

async function isZero(file: ByteSource, from: number): Promise<boolean> {
  for (let at = from; at < file.size; at += SCANNED)
    if ((await file.read(at, SCANNED)).some((byte) => byte !== 0)) return false;
  return true;
}

/** Checks what follows the footer: the magic, then nothing, or zeros left by a file system. */
async function* afterFooter(file: ByteSource, at: number): AsyncGenerator<Walked, void> {
  const marked = await hasMagic(file, at);
  const end = marked ? at + MAGIC.length : at;
  if (end < file.size) {
    const what = marked && !(await isZero(file, end)) ? BEHIND_END : 'a damaged end';
    yield { type: 'Damage', at: end, bytes: file.size - end, what };
  } else if (marked) yield { type: 'End' };
}

/** Reads records of one file and caches the last result, because each record is read once ahead of the walk. */
function attempts(file: ByteSource) {
  let last: { at: number; found: Attempt } | undefined;
  let chunked = false;
  let chunkless = false;
  let checked = false;
  let metadataChecked = false;
  /** A record inconsistency the rest of the file is damage: a file has chunks or none, and checksums or none. */
  const inconsistency = async ({ record }: Attempt, at: number): Promise<string | undefined> => {
    if (record?.type === 'RawMessage' && (await hasChunks(at)))
      return 'a message outside of the chunks';
    if (record?.type === 'Metadata') {
      if (metadataChecked && !hasChecksum(record)) return 'metadata without a checksum';
      metadataChecked ||= hasChecksum(record);
    }
    if (record?.type !== 'OpenedChunk') return undefined;
    if (checked && !record.hasChecksum) return 'a chunk without a checksum';
    chunked = true;
    checked ||= record.hasChecksum;
    return undefined;
  };
  const read = async (at: number): Promise<Attempt> => {
    if (last?.at === at) return last.found;
    const found = await attempt(file, at);
    const why = await inconsistency(found, at);
    last = { at, found: why === undefined ? found : { sure: false, ends: found.ends, why } };
    return last.found;
  };
  /** Whether the file has chunks; if none was read yet, searches on from `at`. */
  const hasChunks = async (at: number): Promise<boolean> => {
    let from = at;
    while (!chunked && !chunkless) {
      const next = await nextRecord(file, from + 1);
      if (next === undefined) chunkless = true;
      else await read((from = next));
    }
    return chunked;
  };
  return {
    read,
    /** The first of these offsets that has a record or is the file's end. */
    async firstValid(places: number[]): Promise<number | undefined> {
      for (const place of places)
        if (place === file.size || (await read(place)).record) return place;
      return undefined;
    },
    hasChunks,
  };
}

/**
 * Reads an MCAP file record by record. After damage it resumes at the next record that can be verified by its content.
 * A truncated file yields no `End`.
 */
export async function* walk(file: ByteSource): AsyncGenerator<Walked, void> {
  const tried = attempts(file);
  let at = MAGIC.length;
  if (!(await hasMagic(file, 0))) {
    if (!(await tried.read(at)).record) at = (await nextRecord(file, 0)) ?? file.size;
    yield { type: 'Damage', at: 0, bytes: Math.min(at, file.size), what: 'no MCAP mark' };
  }
  while (at < file.size) {
    const { record, sure, ends, why } = await tried.read(at);
    if (record?.type === 'Footer' && (await isLast(file, ends[0]))) {
      yield { record, at };
      return yield* afterFooter(file, ends[0]);
    }
    let next = await tried.firstValid(ends);
    // The length of a damaged record may be wrong: skipping by it could miss a chunk.
    if (!record && (await tried.hasChunks(at))) next = undefined;
    const found = sure || next !== undefined ? undefined : await nextRecord(file, at + 1);
    // A record before damage is intact, unless its own length is damaged.
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
