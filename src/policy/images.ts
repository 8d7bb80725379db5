/** Fixed-point bits of a weight: 255 times the sum of weights stays within 30 bits. */
const PRECISION = 22;
const CHANNELS = 3;

/** For each output pixel its first input pixel and `taps` weights, in fixed point. */
interface Filter {
  first: Int32Array;
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
    raw.forEach((weight, tap) => {
      weights[i * taps + tap] = Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION);
    });
  }
  return { first, weights, taps };
}

const filters = new Map<string, Filter>();

function cachedFilter(from: number, to: number): Filter {
  const key = `${from}>${to}`;
  const filter = filters.get(key) ?? triangleFilter(from, to);
  filters.set(key, filter);
  return filter;
}

/** The strides, in bytes, that tell a pass along rows from one along columns. */
interface Lines {
  count: number;
  inputLine: number;
  inputStep: number;
  outputLine: number;
  outputStep: number;
}

function resample(
  input: Uint8Array,
  output: Uint8Array,
  offset: number,
  { first, weights, taps }: Filter,
  { count, inputLine, inputStep, outputLine, outputStep }: Lines,
): void {
  const half = 1 << (PRECISION - 1);
  for (let i = 0; i < first.length; i++) {
    let used = taps;
    while (used > 1 && weights[i * taps + used - 1] === 0) used--;
    for (let line = 0; line < count; line++) {
      let from = line * inputLine + first[i] * inputStep;
      let red = half;
      let green = half;
      let blue = half;
      for (let tap = 0; tap < used; tap++, from += inputStep) {
        const weight = weights[i * taps + tap];
        red += input[from] * weight;
        green += input[from + 1] * weight;
        blue += input[from + 2] * weight;
      }
      const to = offset + line * outputLine + i * outputStep;
      output[to] = red >> PRECISION;
      output[to + 1] = green >> PRECISION;
      output[to + 2] = blue >> PRECISION;
    }
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

  const narrow = new Uint8Array(scaledWidth * height * CHANNELS);
  resample(pixels, narrow, 0, cachedFilter(width, scaledWidth), {
    count: height,
    inputLine: width * CHANNELS,
    inputStep: CHANNELS,
    outputLine: scaledWidth * CHANNELS,
    outputStep: CHANNELS,
  });
  const square = new Uint8Array(side * side * CHANNELS);
  resample(narrow, square, (top * side + left) * CHANNELS, cachedFilter(height, scaledHeight), {
    count: scaledWidth,
    inputLine: CHANNELS,
    inputStep: scaledWidth * CHANNELS,
    outputLine: CHANNELS,
    outputStep: side * CHANNELS,
  });
  return square;
}
