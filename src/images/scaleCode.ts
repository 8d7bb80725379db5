import type { Code, Func, Local } from './wasm.ts';
import * as wasm from './wasm.ts';

/**
 * Fixed-point bits of a weight, as in Pillow: 255 times the sum of the weights stays within 30 bits, and within 31
 * where others are negative.
 */
export const PRECISION = 22;
/**
 * Bits of a weight's lower part. Weights are split because the vector instruction multiplies 16-bit values.
 */
export const LOW = 11;

const lanes = (value: number) =>
  wasm.v128([...new Uint8Array(Int32Array.of(value, value, value, value).buffer)]);
const HALF = lanes(1 << (PRECISION - 1));

/**
 * Byte order that interleaves the channels of two neighbouring pixels (bytes 0 to 2 and 3 to 5), widened to
 * 16 bits.
 */
const NONE = 255;
const BESIDE = wasm.v128(
  [0, 3, 1, 4, 2, 5].flatMap((byte) => [byte, NONE]).concat(Array<number>(4).fill(NONE)),
);
/** Byte order that interleaves eight bytes of one row with eight of the next. */
const INTERLEAVED = Array.from({ length: 16 }, (_, i) => (i >> 1) + (i & 1 ? 16 : 0));

/** The upper and lower parts of two weights, repeated in each lane. */
interface WeightPair {
  high: Local;
  low: Local;
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Loads the weight pairs, eight bytes each, from an address. */
function readWeights(pairs: WeightPair[], at: Local, offset: number): Code {
  return pairs.flatMap(({ high, low }, i) => [
    ...high.set(wasm.loadSplat(offset + 8 * i, at.get)),
    ...low.set(wasm.loadSplat(offset + 8 * i + 4, at.get)),
  ]);
}

/**
 * Sums of the products with the weights' upper and lower parts; the lower one includes half a unit for
 * rounding.
 */
interface Sums {
  high: Local;
  low: Local;
}

/** Adds the products of a pair of values; the first pair initialises the sums. */
function addProducts({ high, low }: Sums, values: Local, weight: WeightPair, first: boolean): Code {
  const upper = wasm.dot(values.get, weight.high.get);
  const lower = wasm.dot(values.get, weight.low.get);
  return [
    ...high.set(first ? upper : wasm.addLanes(high.get, upper)),
    ...low.set(wasm.addLanes(first ? HALF : low.get, lower)),
  ];
}

/** Combines the two sums and rounds them to 32-bit integers. */
const rounded = ({ high, low }: Sums): Code =>
  wasm.shiftRight(
    wasm.addLanes(wasm.shiftLeft(high.get, wasm.i32(LOW)), low.get),
    wasm.i32(PRECISION),
  );

const advance = (address: Local, bytes: number) =>
  address.set(wasm.add(address.get, wasm.i32(bytes)));

export interface AcrossLayout {
  /** Pairs of input pixels per output pixel. */
  pairs: number;
  /** Pixels of a scaled row. */
  columns: number;
  /** Row strides of the image and of the horizontally scaled image, bytes. */
  imageStride: number;
  narrowStride: number;
}

/**
 * across(image, narrow, table, rows): the horizontal pass. Scales a few rows of RGB8 pixels at a time, so
 * that each column's weights are loaded once for all of them. The table holds, for each column, the byte
 * offset of its first pixel and its weight pairs. Writes a zero after the last pixel of a row.
 */
export const across = ({ pairs, columns, imageStride, narrowStride }: AcrossLayout): Func =>
  wasm.func(4, (local, image, narrow, table, rows) => {
    const [column, row, from, to] = range(4).map(() => local('i32'));
    const [pixels, high, low, value, beside] = range(5).map(() => local('v128'));
    const weights = range(pairs).map(() => ({ high: local('v128'), low: local('v128') }));
    const pixel: Code = [
      ...weights.flatMap((weight, i) => [
        ...pixels.set(wasm.swizzle(wasm.load64(6 * i, from.get), beside.get)),
        ...addProducts({ high, low }, pixels, weight, i === 0),
      ]),
      ...value.set(rounded({ high, low })),
      ...value.set(wasm.narrow32(value.get, value.get)),
      ...wasm.store32(0, to.get, wasm.narrow16(value.get, value.get)),
      ...advance(from, imageStride),
      ...advance(to, narrowStride),
    ];
    return [
      ...beside.set(BESIDE),
      ...column.set(wasm.i32(columns)),
      ...wasm.repeat(column, [
        ...from.set(wasm.add(image.get, wasm.load(0, table.get))),
        ...to.set(narrow.get),
        ...readWeights(weights, table, 4),
        ...row.set(rows.get),
        ...wasm.repeat(row, pixel),
        ...advance(narrow, 3),
        ...advance(table, 4 + 8 * pairs),
      ]),
    ];
  });

export interface DownLayout {
  /** Pairs of input rows per output row. */
  pairs: number;
  /** Row stride of the horizontally scaled image, bytes: a multiple of eight, all of which are blended. */
  narrowStride: number;
}

/**
 * down(narrow, scaled, weights): the vertical pass. Writes one row as the weighted sum of consecutive rows.
 */
export const down = ({ pairs, narrowStride }: DownLayout): Func =>
  wasm.func(3, (local, narrow, scaled, table) => {
    const group = local('i32');
    const [bytes, left, right] = range(3).map(() => local('v128'));
    const sums = range(2).map(() => ({ high: local('v128'), low: local('v128') }));
    const weights = range(pairs).map(() => ({ high: local('v128'), low: local('v128') }));
    const rowOf = (i: number) => wasm.load64(i * narrowStride, narrow.get);
    return [
      ...readWeights(weights, table, 0),
      ...group.set(wasm.i32(narrowStride / 8)),
      ...wasm.repeat(group, [
        ...weights.flatMap((weight, i) => [
          ...bytes.set(wasm.shuffle(INTERLEAVED, rowOf(2 * i), rowOf(2 * i + 1))),
          ...left.set(wasm.extendLow(bytes.get)),
          ...right.set(wasm.extendHigh(bytes.get)),
          ...addProducts(sums[0], left, weight, i === 0),
          ...addProducts(sums[1], right, weight, i === 0),
        ]),
        ...bytes.set(wasm.narrow32(rounded(sums[0]), rounded(sums[1]))),
        ...wasm.store64(0, scaled.get, wasm.narrow16(bytes.get, bytes.get)),
        ...advance(narrow, 8),
        ...advance(scaled, 8),
      ]),
    ];
  });
