import type { LoadedTensor } from './dtype.ts';

/** Bits of the exponent, which are all set in infinities and NaN. */
const EXPONENTS: Record<string, number> = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 };

/**
 * Index of the first element that is infinite or NaN; −1 if there is none, as always for integers. Tests bit
 * patterns, which is fast enough for files of many gigabytes.
 */
export function findNonFinite({ dtype, data }: Pick<LoadedTensor, 'dtype' | 'data'>): number {
  if (dtype === 'F64') return (data as Float64Array).findIndex((one) => !Number.isFinite(one));
  const exponent = EXPONENTS[dtype];
  if (exponent === undefined) return -1;
  const bits =
    dtype === 'F32'
      ? new Uint32Array(data.buffer, data.byteOffset, data.length)
      : (data as Uint16Array);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i] & exponent) === exponent) return i;
  }
  return -1;
}
