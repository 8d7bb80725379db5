import { crc32 } from 'node:zlib';
import type { TypedMcapRecords } from '@mcap/core';
import type { ByteSource } from './byteSource.ts';
import { type McapRecord, attempt, recordsIn } from './mcapRecord.ts';

/** Sizes in bytes: the footer record, its checksum field (not part of the checksum), and the magic after it. */
const FOOTER = 29;
const CHECKSUM = 4;
const MAGIC = 8;

/** The summary section at the end of a finished file. */
export interface Summary {
  records: McapRecord[];
  statistics: TypedMcapRecords['Statistics'] | undefined;
  metadataIndex: TypedMcapRecords['MetadataIndex'][];
}

/** A file's summary; undefined if it is missing or damaged. */
export async function readSummary(file: ByteSource): Promise<Summary | undefined> {
  const footerAt = file.size - MAGIC - FOOTER;
  if (footerAt < 0) return undefined;
  const { record: footer } = await attempt(file, footerAt);
  if (footer?.type !== 'Footer') return undefined;
  const start = Number(footer.summaryStart);
  if (start === 0 || start > footerAt) return undefined;
  const bytes = await file.read(start, footerAt - start + FOOTER - CHECKSUM);
  if (footer.summaryCrc !== 0 && crc32(bytes) !== footer.summaryCrc) return undefined;
  try {
    const records = [...recordsIn({ records: bytes.subarray(0, footerAt - start) })];
    return {
      records,
      statistics: records.find((record) => record.type === 'Statistics'),
      metadataIndex: records.filter((record) => record.type === 'MetadataIndex'),
    };
  } catch {
    return undefined;
  }
}
