/** The seed of a chunk's noise: a 32-bit mix of its episode's seed and its place in the episode. */
export function noiseSeed(episodeSeed: number, chunkIndex: number): number {
  let mixed =
    Math.imul(episodeSeed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(chunkIndex + 1, 0xc2b2ae35);
  for (const [shift, factor] of [
    [16, 0x7feb352d],
    [15, 0x846ca68b],
  ] as const) {
    mixed ^= mixed >>> shift;
    mixed = Math.imul(mixed, factor);
  }
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
