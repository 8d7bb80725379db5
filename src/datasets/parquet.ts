import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import type { SchemaElement } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ParquetWriter, fileWriter } from 'hyparquet-writer';
import { type FileHandle, open } from 'node:fs/promises';
import { UserError, messageOf } from '../errors.ts';
import { unreadable } from '../systemErrors.ts';

/** What a column's values are: numbers, bigints of `int64`, booleans, texts, or pictures as `{ bytes, path }`. */
export type CellType = 'float32' | 'float64' | 'int64' | 'bool' | 'string' | 'picture';

export interface Column {
  name: string;
  type: CellType;
  /** Whether a cell is a list of such values. */
  list?: boolean;
}

/** A column of whole numbers. */
export const int64 = (name: string): Column => ({ name, type: 'int64' });

const TYPES = {
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
  int64: { type: 'INT64' },
  bool: { type: 'BOOLEAN' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
} as const;

const OPTIONAL = { repetition_type: 'OPTIONAL' } as const;

function schemaOf({ name, type, list }: Column): SchemaElement[] {
  if (type === 'picture')
    return [
      { name, ...OPTIONAL, num_children: 2 },
      { name: 'bytes', ...OPTIONAL, type: 'BYTE_ARRAY' },
      { name: 'path', ...OPTIONAL, ...TYPES.string },
    ];
  if (!list) return [{ name, ...OPTIONAL, ...TYPES[type] }];
  return [
    { name, ...OPTIONAL, converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', ...OPTIONAL, ...TYPES[type] },
  ];
}

/** A Parquet file that grows by row groups. */
export interface ParquetFile {
  /** Bytes so far. */
  readonly size: number;
  /** Writes one row group: the cells of each column by its name. */
  write(cells: Record<string, unknown[]>): Promise<void>;
  end(): Promise<void>;
}

/** Starts a Parquet file of these columns, compressed by Snappy. */
export function createParquet(
  path: string,
  columns: readonly Column[],
  metadata: Record<string, string> = {},
): ParquetFile {
  const writer = fileWriter(path);
  const file = new ParquetWriter({
    writer,
    schema: [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(schemaOf)],
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    createdBy: 'nalu',
  });
  return {
    get size() {
      return writer.offset;
    },
    async write(cells) {
      const columnData = columns.map(({ name, type }) => ({
        name,
        data: cells[name],
        statistics: type !== 'picture',
      }));
      const rows = columnData[0].data.length;
      await file.write({ columnData, rowGroupSize: Math.max(1, rows) });
    },
    end: async () => file.finish(),
  };
}

/** A row by its columns' names. */
export type Row = Record<string, unknown>;

/** A Parquet file that is open for reading. */
export interface ParquetReader {
  path: string;
  rows: number;
  /** Names of the top columns. */
  columns: string[];
  /** Rows `from` to `to`, exclusive, with these columns; all by default. */
  read(from?: number, to?: number, columns?: string[]): Promise<Row[]>;
  close(): Promise<void>;
}

const bufferOf = (file: FileHandle, byteLength: number): AsyncBuffer => ({
  byteLength,
  async slice(start, end = byteLength) {
    const bytes = new Uint8Array(Math.max(0, end - start));
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) throw new Error('the file ends early');
      done += bytesRead;
    }
    return bytes.buffer;
  },
});

/** The top columns of a file, from its schema, which lists each one before what is in it. */
function topColumns({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (schema[at].num_children ?? 0); child++) next = skip(next);
    return next;
  };
  for (let at = 1; at < schema.length; at = skip(at)) names.push(schema[at].name);
  return names;
}

interface RowGroup {
  from: number;
  to: number;
}

function rowGroups({ row_groups: groups }: FileMetaData): RowGroup[] {
  let from = 0;
  return groups.map(({ num_rows: rows }) => {
    const group = { from, to: from + Number(rows) };
    from = group.to;
    return group;
  });
}

/** Opens a Parquet file. Throws a `UserError` that names it. */
export async function openParquet(path: string): Promise<ParquetReader> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const failed = (error: unknown) =>
    new UserError(`${path}: is not readable as Parquet: ${messageOf(error)}`, {
      cause: error,
      kind: 'invalid',
      subject: path,
    });
  try {
    const buffer = bufferOf(file, (await file.stat()).size);
    const metadata = await parquetMetadataAsync(buffer);
    const readRows = (rowStart: number, rowEnd: number, columns?: string[]): Promise<Row[]> =>
      parquetReadObjects({
        ...{ file: buffer, metadata, compressors, rowStart, rowEnd, columns },
        // Bytes of pictures stay bytes; texts are typed as such.
        utf8: false,
      });
    const groups = rowGroups(metadata);
    let last: { from: number; key: string; rows: Row[] } | undefined;
    /** A row group's rows. The last one is kept: several episodes may be in it. */
    async function groupRows({ from, to }: RowGroup, columns?: string[]): Promise<Row[]> {
      const key = String(columns);
      if (last?.from === from && last.key === key) return last.rows;
      last = undefined;
      const rows = await readRows(from, to, columns);
      last = { from, key, rows };
      return rows;
    }
    return {
      path,
      rows: Number(metadata.num_rows),
      columns: topColumns(metadata),
      async read(from = 0, to = Number(metadata.num_rows), columns) {
        const rows: Row[] = [];
        try {
          for (const group of groups.filter((one) => one.from < to && one.to > from))
            for (const row of (await groupRows(group, columns)).slice(
              Math.max(0, from - group.from),
              to - group.from,
            ))
              rows.push(row);
        } catch (error) {
          throw failed(error);
        }
        return rows;
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw failed(error);
  }
}
