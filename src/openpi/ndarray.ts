import { invalid } from '../errors.ts';

/** An array as numpy stores it: in C order. */
export interface NdArray {
  /** numpy's `dtype.str`, as `<f4`. */
  dtype: string;
  shape: readonly number[];
  data: Uint8Array;
}

type Read = (view: DataView, at: number, littleEndian: boolean) => number;

/** The numbers that are read, by numpy's kind and size in bytes. */
const NUMBERS: Record<string, { bytes: number; read: Read }> = {
  b1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  f4: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  u8: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  f8: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
};

const [BIG_ENDIAN, FLOAT] = ['>', 'f'];

export const isNdArray = (value: unknown): value is NdArray =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value;

/** An array's shape as messages show it. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

const countOf = (shape: readonly number[]): number =>
  shape.reduce((count, size) => count * size, 1);

/** How an array's numbers are read. Throws a `UserError` for other contents, and for bytes that do not fill its shape. */
function numberOf({ dtype, shape, data }: NdArray, field: string) {
  const number = NUMBERS[dtype.slice(1)];
  if (!number)
    throw invalid(
      field,
      `an array of dtype ${dtype}, which does not hold numbers that are read here; send ${Object.keys(NUMBERS).join(', ')}`,
    );
  const bytes = countOf(shape) * number.bytes;
  if (data.length !== bytes)
    throw invalid(
      field,
      `${data.length} bytes, but an array ${shapeText(shape)} of ${dtype} has ${bytes}; send what its tobytes() gives`,
    );
  return number;
}

/** Whether an array holds fractions. */
export const isFloat = ({ dtype }: NdArray): boolean => dtype[1] === FLOAT;

/** An array's numbers in C order. `field` names it in the `UserError` for one that holds none. */
export function numbersOf(array: NdArray, field: string): Float64Array {
  const { bytes, read } = numberOf(array, field);
  const { data, dtype } = array;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const littleEndian = dtype[0] !== BIG_ENDIAN;
  const numbers = new Float64Array(data.length / bytes);
  for (let i = 0; i < numbers.length; i++) numbers[i] = read(view, i * bytes, littleEndian);
  return numbers;
}

/** Throws a `UserError` that names `field` for a number that is not finite. */
export function checkFinite(numbers: Float32Array | Float64Array, field: string): void {
  const bad = numbers.findIndex((number) => !Number.isFinite(number));
  if (bad >= 0) throw invalid(field, `number ${bad} is ${numbers[bad]}; it must be finite`);
}

/** An array's bytes from 0 to 255; fractions from 0 to 1 are scaled, as openpi does it. */
export function bytesOf(array: NdArray, field: string): Uint8Array {
  if (isFloat(array)) return Uint8Array.from(numbersOf(array, field), (value) => 255 * value);
  numberOf(array, field);
  if (array.dtype.slice(1) === 'u1') return array.data;
  throw invalid(field, `dtype ${array.dtype}; send an image as uint8`);
}

/** A float32 array; its memory is shared. */
export const float32Array = (values: Float32Array, shape: readonly number[]): NdArray => ({
  dtype: '<f4',
  shape,
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** A float64 array; its memory is shared. */
export const float64Array = (values: Float64Array, shape: readonly number[]): NdArray => ({
  dtype: '<f8',
  shape,
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** An array of bytes; its memory is shared. */
export const uint8Array = (data: Uint8Array, shape: readonly number[]): NdArray => ({
  dtype: '|u1',
  shape,
  data,
});
