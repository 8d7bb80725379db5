import { UserError } from '../errors.ts';

/** Bytes an element. */
export const DTYPES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** Element types by their safetensors names. */
export type Dtype = keyof typeof DTYPES;

/** Element arrays. Types without a JavaScript counterpart are arrays of bit patterns. */
export const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

export type TensorData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

const NATIVE = ['F64', 'F32', 'I64', 'U64', 'I32', 'U32', 'I16', 'U16', 'I8', 'U8'] as const;

/** The dtype of an array whose elements are stored as numbers, not as bits. */
export function nativeDtype(data: TensorData): Dtype {
  return NATIVE.find((dtype) => data instanceof ARRAYS[dtype])!;
}

/** A tensor in memory. */
export interface LoadedTensor {
  dtype: Dtype;
  shape: number[];
  data: TensorData;
}

function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return exponent
    ? sign * (1 + fraction / 2 ** 10) * 2 ** (exponent - 15)
    : sign * fraction * 2 ** -24;
}

/** The float32 value of each of the 65,536 bit patterns, computed on first use. */
let float16Values: Float32Array | undefined;

function widenFloat16(bits: Uint16Array): Float32Array {
  const values = (float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, i) =>
    float16Value(i),
  ));
  // A plain loop: `from` with a mapping function takes ten times as long.
  const wide = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = values[bits[i]];
  return wide;
}

function widenBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}

/** A tensor's elements as float32, exact for `F16` and `BF16`. Throws for integer types. */
export function toFloat32({ dtype, data }: Pick<LoadedTensor, 'dtype' | 'data'>): Float32Array {
  if (dtype === 'F32') return data as Float32Array;
  if (dtype === 'F64') return Float32Array.from(data as Float64Array);
  if (dtype === 'F16') return widenFloat16(data as Uint16Array);
  if (dtype === 'BF16') return widenBfloat16(data as Uint16Array);
  throw new UserError(`elements of ${dtype} are not floating-point numbers of a known width`, {
    kind: 'unsupported',
  });
}
