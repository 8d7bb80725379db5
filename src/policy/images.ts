/** Fixed-point bits of a weight: 255 times the sum of weights stays within 30 bits. */
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);
const CHANNELS = 3;

/** For each output pixel its first input pixel and its weights in fixed point, `taps` apart. */
interface Filter {
  first: Int32Array;
  counts: Int32Array;
  weights: Int32Array;
  taps: number;
}

/**
 * Triangle filter, widened by the scale when it shrinks, so that every input pixel counts: what
 * Pillow calls bilinear, to the last bit.
 */
function triangleFilter(from: number, to: number): Filter {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const counts = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: end - begin }, (_, tap) =>
      Math.max(0, 1 - Math.abs((begin + tap - centre + 0.5) * (1 / support))),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    first[i] = begin;
    counts[i] = raw.length;
    raw.forEach((weight, tap) => {
      weights[i * taps + tap] = Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION);
    });
  }
  return { first, counts, weights, taps };
}

const filters = new Map<string, Filter>();

function cachedFilter(from: number, to: number): Filter {
  const key = `${from}>${to}`;
  const filter = filters.get(key) ?? triangleFilter(from, to);
  filters.set(key, filter);
  return filter;
}

/** Each pixel of a row from its own neighbours. */
function scaleRow(
  input: Uint8Array,
  begin: number,
  output: Uint8Array,
  to: number,
  filter: Filter,
) {
  const { first, counts, weights, taps } = filter;
  for (let i = 0; i < first.length; i++, to += CHANNELS) {
    let from = begin + first[i] * CHANNELS;
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    for (let tap = i * taps; tap < i * taps + counts[i]; tap++, from += CHANNELS) {
      const weight = weights[tap];
      red += input[from] * weight;
      green += input[from + 1] * weight;
      blue += input[from + 2] * weight;
    }
    output[to] = red >> PRECISION;
    output[to + 1] = green >> PRECISION;
    output[to + 2] = blue >> PRECISION;
  }
}

/** One row of `width` bytes as the weighted sum of the rows from `begin` on. */
function blendRows(
  input: Uint8Array,
  begin: number,
  width: number,
  output: Uint8Array,
  to: number,
  weights: Int32Array,
) {
  for (let byte = 0; byte < width; byte++) {
    let sum = HALF;
    for (let tap = 0, from = begin + byte; tap < weights.length; tap++, from += width)
      sum += input[from] * weights[tap];
    output[to + byte] = sum >> PRECISION;
  }
}

/**
 * Scales an RGB8 image [height, width, 3] to fit a square of `side` pixels, aspect kept, centred on
 * black, as openpi does: returns [side, side, 3], the very input where it has that size already.
 */
export function resizeWithPad(
  pixels: Uint8Array,
  width: number,
  height: number,
  side: number,
): Uint8Array {
  if (width === side && height === side) return pixels;
  const ratio = Math.max(width, height) / side;
  const scaledWidth = Math.max(1, Math.trunc(width / ratio));
  const scaledHeight = Math.max(1, Math.trunc(height / ratio));
  const left = Math.trunc((side - scaledWidth) / 2);
  const top = Math.trunc((side - scaledHeight) / 2);

  const rowBytes = scaledWidth * CHANNELS;
  const across = cachedFilter(width, scaledWidth);
  const narrow = new Uint8Array(height * rowBytes);
  for (let row = 0; row < height; row++)
    scaleRow(pixels, row * width * CHANNELS, narrow, row * rowBytes, across);

  const { first, counts, weights, taps } = cachedFilter(height, scaledHeight);
  const square = new Uint8Array(side * side * CHANNELS);
  for (let row = 0; row < scaledHeight; row++) {
    const to = ((top + row) * side + left) * CHANNELS;
    const own = weights.subarray(row * taps, row * taps + counts[row]);
    blendRows(narrow, first[row] * rowBytes, rowBytes, square, to, own);
  }
  return square;
}
