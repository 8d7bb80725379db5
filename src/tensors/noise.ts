/** Murmur3's finaliser: every input bit affects every output bit. */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

const LANES = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667];

function initialState(seeds: readonly number[]): number[] {
  const words = seeds.flatMap((seed) => {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new RangeError(`a seed is an integer from 0 to 2^53 - 1, not ${seed}`);
    return [seed >>> 0, Math.floor(seed / 2 ** 32)];
  });
  return LANES.map((lane) => words.reduce((state, word) => mix((state ^ word) + lane), lane));
}

/** xoshiro128** (Blackman and Vigna, 2018): uniform 32-bit integers. */
function generator(seeds: readonly number[]): () => number {
  let [a, b, c, d] = initialState(seeds);
  return () => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}

/** Uniform numbers in [0, 1). The same seed (see gaussianNoise) gives the same numbers on every machine. */
export function uniformNumbers(seed: number | readonly number[]): () => number {
  const next = generator(typeof seed === 'number' ? [seed] : seed);
  return () => next() / 2 ** 32;
}

/**
 * Standard normal numbers (Box and Muller, 1958). The same seed gives the same numbers on every machine. A
 * seed is one integer from 0 to 2^53 − 1, or several, such as those of an episode and a chunk.
 */
export function gaussianNoise(seed: number | readonly number[], length: number): Float32Array {
  const next = generator(typeof seed === 'number' ? [seed] : seed);
  const noise = new Float32Array(length);
  for (let i = 0; i < length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * next()) / 2 ** 32;
    noise[i] = radius * Math.cos(angle);
    if (i + 1 < length) noise[i + 1] = radius * Math.sin(angle);
  }
  return noise;
}
