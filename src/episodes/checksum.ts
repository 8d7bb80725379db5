import { crc32 } from 'node:zlib';

const KEY = 'crc32';

const sum = (name: string, entries: Iterable<[string, string]>) =>
  String(crc32(JSON.stringify([name, ...[...entries].filter(([key]) => key !== KEY)])));

/** A metadata record's strings with a checksum: MCAP itself has checksums for chunks only. */
export const withChecksum = (name: string, strings: Record<string, string>) =>
  new Map([...Object.entries(strings), [KEY, sum(name, Object.entries(strings))]]);

/** Whether a metadata record has a checksum. */
export const hasChecksum = ({ metadata }: { metadata: ReadonlyMap<string, string> }): boolean =>
  metadata.has(KEY);

/** Whether a metadata record is intact; a record without a checksum counts as intact. */
export function checksumHolds(record: { name: string; metadata: ReadonlyMap<string, string> }) {
  const expected = record.metadata.get(KEY);
  return expected === undefined || expected === sum(record.name, record.metadata);
}
