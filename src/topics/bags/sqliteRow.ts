/** Text or bytes of a row, which stay in the file until they are read. */
export interface SqliteBytes {
  read: () => Promise<Uint8Array>;
}

/** A value of a row; undefined for null, for a number with a fraction, and in the place of the row's id. */
export type SqliteValue = bigint | SqliteBytes | undefined;

/** The first bytes of a row, which may go on in other pages. */
export type ReadRow = (length: number) => Promise<Buffer>;

/** Bytes of integers by their serial types, 1 to 6. */
const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8];
const FRACTION = 7;
/** Serial type of the integer 0; the next one is that of 1. */
const ZERO = 8;
/** Serial type of no bytes. From here on even ones are of bytes, odd ones of text. */
const BYTES = 12;

/** The variable-length integer at an offset, and the offset behind it. */
export function varint(bytes: Buffer, at: number): [value: number, end: number] {
  let value = 0n;
  for (let i = 0; i < 8; i++) {
    const byte = bytes.readUInt8(at + i);
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte < 0x80) return [Number(value), at + i + 1];
  }
  return [Number((value << 8n) | BigInt(bytes.readUInt8(at + 8))), at + 9];
}

/** An integer of these bytes, most significant first, with a sign. */
function integer(bytes: Buffer): bigint {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return BigInt.asIntN(8 * bytes.length, value);
}

/** Bytes of a value by its serial type. */
function sizeOf(type: number): number {
  if (type >= BYTES) return Math.floor((type - BYTES) / 2);
  return type === FRACTION ? 8 : (INTEGER_BYTES[type] ?? 0);
}

/** The value of a serial type that lies at `start` of a row. */
async function valueOf(type: number, start: number, read: ReadRow): Promise<SqliteValue> {
  const end = start + sizeOf(type);
  if (type >= BYTES) return { read: async () => (await read(end)).subarray(start) };
  if (type === ZERO || type === ZERO + 1) return BigInt(type - ZERO);
  return type in INTEGER_BYTES && type > 0 ? integer((await read(end)).subarray(start)) : undefined;
}

/** The values of a row, in the order of its table's columns. */
export async function valuesOf(read: ReadRow): Promise<SqliteValue[]> {
  const [size] = varint(await read(9), 0);
  const head = await read(size);
  const values: SqliteValue[] = [];
  let start = size;
  for (let at = varint(head, 0)[1]; at < size;) {
    const [type, next] = varint(head, at);
    values.push(await valueOf(type, start, read));
    start += sizeOf(type);
    at = next;
  }
  return values;
}

/** A value as text; empty if it is a number or none. */
export const textOf = async (value: SqliteValue): Promise<string> =>
  typeof value === 'object' ? new TextDecoder().decode(await value.read()) : '';
