import { Packr, Unpackr } from 'msgpackr';
import { UserError, messageOf } from '../errors.ts';
import { type NdArray, isNdArray } from './ndarray.ts';

/** What openpi's messages hold. */
export type Wire =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | NdArray
  | readonly Wire[]
  | { readonly [key: string]: Wire };

export type WireMap = ReadonlyMap<string, Decoded>;

/** What a message is decoded to: maps have names, arrays of numpy are views of the message. */
export type Decoded =
  null | boolean | number | bigint | string | Uint8Array | NdArray | Decoded[] | WireMap;

/** Whether a decoded value is a map. */
export const isMap = (value: unknown): value is WireMap => value instanceof Map;

const packer = new Packr({ useRecords: false, variableMapSize: true });
// Maps as such: numpy's arrays have keys that are bytes.
const unpacker = new Unpackr({ useRecords: false, moreTypes: false, mapsAsObjects: false });

const key = (name: string) => Buffer.from(name);
/** The keys of an array, and of a number that numpy made. */
const [ARRAY, SCALAR] = ['__ndarray__', '__npgeneric__'];
const [ARRAY_KEY, DATA_KEY, DTYPE_KEY, SHAPE_KEY] = [ARRAY, 'data', 'dtype', 'shape'].map(key);

/** A value as msgpackr writes it as openpi's msgpack_numpy does. */
function packable(value: Wire): unknown {
  if (isNdArray(value)) {
    const { data, dtype, shape } = value;
    // msgpackr takes only a Buffer as bytes.
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    return new Map<Buffer, unknown>([
      [ARRAY_KEY, true],
      [DATA_KEY, bytes],
      [DTYPE_KEY, dtype],
      [SHAPE_KEY, shape],
    ]);
  }
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  if (Array.isArray(value)) return value.map(packable);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([name, inside]) => [name, packable(inside)]));
}

/** Encodes a message as openpi's msgpack_numpy does. */
export const encode = (value: Wire): Buffer => packer.pack(packable(value));

/** A key as text: numpy's are bytes, others strings. */
function nameOf(key: unknown): string {
  if (typeof key === 'string') return key;
  if (key instanceof Uint8Array)
    return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
  throw new UserError(`a map with the key ${String(key)}, which is neither text nor bytes`, {
    kind: 'invalid',
  });
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0; // prettier-ignore

function arrayIn(fields: WireMap): NdArray {
  const data = fields.get('data');
  const dtype = fields.get('dtype');
  const shape = fields.get('shape');
  if (data instanceof Uint8Array && typeof dtype === 'string' && Array.isArray(shape))
    if (shape.every(isSize)) return { data, dtype, shape };
  throw new UserError("an array without numpy's data, dtype and shape", { kind: 'invalid' });
}

function decoded(value: unknown): Decoded {
  if (value instanceof Map) {
    const fields = new Map<string, Decoded>();
    for (const [name, inside] of value) fields.set(nameOf(name), decoded(inside));
    if (fields.has(ARRAY)) return arrayIn(fields);
    if (fields.has(SCALAR)) return decoded(fields.get('data'));
    return fields;
  }
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || value instanceof Uint8Array) return value;
  if (typeof value !== 'object' && typeof value !== 'undefined') return value as Decoded;
  throw new UserError('something that openpi does not send', { kind: 'invalid' });
}

/** Decodes a message of openpi's msgpack_numpy, which is a map. Throws a `UserError` for anything else. */
export function decode(bytes: Uint8Array): WireMap {
  let value: Decoded;
  try {
    value = decoded(unpacker.unpack(bytes));
  } catch (error) {
    throw new UserError(
      `a message of ${bytes.length} bytes that is not openpi's msgpack: ${messageOf(error)}`,
      { cause: error, kind: 'invalid' },
    );
  }
  if (isMap(value)) return value;
  throw new UserError('a message that is no map; send a dict', { kind: 'invalid' });
}
