import { z } from 'zod';
import { invalid, messageOf } from '../errors.ts';
import { DTYPES, type Dtype } from './dtype.ts';

/** Elements in a file: an array of this shape, whose axes in `order` are those of the tensor, some of them joined. */
export interface Arrangement {
  shape: readonly number[];
  order: readonly number[];
}

/** A tensor's location. */
export interface TensorEntry {
  /** The file. */
  path: string;
  dtype: Dtype;
  shape: number[];
  /** Byte offset in the file. */
  offset: number;
  bytes: number;
  /** How the elements lie in the file, where not in the order of the shape. */
  arrangement?: Arrangement;
}

export interface SafetensorsHeader {
  /** By name, in the order of their offsets. */
  tensors: Map<string, TensorEntry>;
  metadata: Record<string, string>;
}

/** Bytes of the length field before the header. */
export const LENGTH_BYTES = 8;
/** Limit of the header's size set by the format. */
export const MAX_HEADER_BYTES = 100_000_000;
const METADATA = '__metadata__';
/** Alignment of the data, enough for any vector load. */
const ALIGNMENT = 64;
const byteCount = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(DTYPES) as Dtype[]),
  shape: z.array(byteCount),
  data_offsets: z.tuple([byteCount, byteCount]),
});
const metadataSchema = z.record(z.string(), z.string());

/** Bytes that a tensor of this type and shape takes. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, DTYPES[dtype]);
}

function check<T>(schema: z.ZodType<T>, value: unknown, path: string, name: string): T {
  const what = name === METADATA ? name : `tensor ${name}`;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(path, [what, ...issue.path.map(String), issue.message].join(': '), name);
}

/** The first duplicate top-level key of a JSON object; JSON.parse silently keeps the last value. */
function repeatedKey(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let previous = '';
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token.startsWith('"') && previous !== ':') {
      const key = JSON.parse(token) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    }
    previous = token;
  }
  return undefined;
}

function parseJson(json: string, path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw invalid(path, `its safetensors header is not JSON: ${messageOf(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid(path, `its safetensors header is not a JSON object`);
  const repeated = repeatedKey(json);
  if (repeated !== undefined)
    throw invalid(path, `its safetensors header has ${repeated} twice`, repeated);
  return parsed as Record<string, unknown>;
}

/** Checks that the tensors fill the data without gaps or overlaps, as the format requires. */
function checkLayout(tensors: [string, TensorEntry][], begin: number, end: number, path: string) {
  let reached = begin;
  for (const [name, { dtype, shape, offset, bytes }] of tensors) {
    const wrong = (problem: string) => invalid(path, `tensor ${name} ${problem}`, name);
    const expected = tensorBytes(dtype, shape);
    if (bytes !== expected)
      throw wrong(`has ${bytes} bytes, but ${dtype} of [${shape.join(', ')}] takes ${expected}`);
    if (offset + bytes > end)
      throw wrong(`ends ${offset + bytes - end} bytes beyond the file; is the file cut short?`);
    if (offset !== reached)
      throw wrong(
        `${offset < reached ? 'overlaps the tensor before it' : 'comes after a hole'} (data offset ${offset - begin}, expected ${reached - begin})`,
      );
    reached += bytes;
  }
  if (reached !== end)
    throw invalid(path, `${end - reached} bytes after the last tensor belong to nobody`);
}

/** Parses and checks a header's JSON; `begin` and `end` are the byte offsets of the data in the file. */
export function parseHeader(
  json: string,
  begin: number,
  end: number,
  path: string,
): SafetensorsHeader {
  const { [METADATA]: metadata, ...entries } = parseJson(json, path);
  const tensors = Object.entries(entries).map(([name, value]): [string, TensorEntry] => {
    const { dtype, shape, data_offsets } = check(entrySchema, value, path, name);
    const [first, last] = data_offsets;
    if (last < first) throw invalid(path, `tensor ${name} ends before it begins`, name);
    return [name, { path, dtype, shape, offset: begin + first, bytes: last - first }];
  });
  tensors.sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  checkLayout(tensors, begin, end, path);
  return {
    tensors: new Map(tensors),
    metadata: check(metadataSchema, metadata ?? {}, path, METADATA),
  };
}

/** A file's length field and header for tensors whose data follow in order. */
export function encodeHeader(
  tensors: readonly { name: string; dtype: Dtype; shape: readonly number[] }[],
  metadata: Record<string, string>,
): Buffer {
  const header = Object.create(null) as Record<string, unknown>;
  if (Object.keys(metadata).length > 0) header[METADATA] = metadata;
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (name in header || name === METADATA) throw new Error(`tensor name ${name} is taken`);
    const end = offset + tensorBytes(dtype, shape);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const total = Math.ceil((LENGTH_BYTES + json.length) / ALIGNMENT) * ALIGNMENT;
  const encoded = Buffer.alloc(total, ' ');
  encoded.writeBigUInt64LE(BigInt(total - LENGTH_BYTES));
  json.copy(encoded, LENGTH_BYTES);
  return encoded;
}
