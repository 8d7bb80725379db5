/** Rounds float32 to its upper 16 bits, to nearest, ties to even. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    halves[i] = isNaN ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** Added to a subnormal float16, so that float32's own addition rounds at float16's last bit. */
const SUBNORMAL = 0.5;
const LARGEST = 65_504;
/**
 * Midpoint between the largest float16 and the next power of two; from here on, numbers round to infinity.
 */
const OVERFLOW = 65_520;

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

function float16Bits(value: number): number {
  scratch[0] = value;
  const word = scratchBits[0];
  const sign = (word >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= OVERFLOW) return sign | 0x7c00;
  if (size < 2 ** -14) {
    scratch[0] = size + SUBNORMAL;
    return sign | (scratchBits[0] - 0x3f000000);
  }
  const magnitude = word & 0x7fffffff;
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Rounds to float16, to nearest, ties to even; numbers beyond its range become infinite. */
export function toFloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = float16Bits(values[i]);
  return halves;
}

/** Whether float16 can hold a number of this size. */
export const fitsFloat16 = (size: number): boolean => size <= LARGEST;
