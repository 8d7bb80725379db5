import type { Code, Func, Local } from './wasm.ts';
import * as wasm from './wasm.ts';

/** Fixed-point bits of a weight, which Pillow has: 255 times the sum of weights stays within 30 bits. */
export const PRECISION = 22;
/** Bits of a weight's lower part: products of 16 bits are what a vector adds in pairs. */
export const LOW = 11;

const lanes = (value: number) =>
  wasm.v128([...new Uint8Array(Int32Array.of(value, value, value, value).buffer)]);
const HALF = lanes(1 << (PRECISION - 1));

/** Red, green, blue of one pixel (bytes 0 to 2) beside those of the next one (3 to 5), in 16 bits each. */
const NONE = 255;
const BESIDE = wasm.v128(
  [0, 3, 1, 4, 2, 5].flatMap((byte) => [byte, NONE]).concat(Array<number>(4).fill(NONE)),
);
/** Eight bytes of one row beside those of another. */
const INTERLEAVED = Array.from({ length: 16 }, (_, i) => (i >> 1) + (i & 1 ? 16 : 0));

/** A pair of weights' upper parts, and of their lower parts, in each lane. */
interface WeightPair {
  high: Local;
  low: Local;
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Reads `pairs` pairs of weights, eight bytes each, from an address on. */
function readWeights(pairs: WeightPair[], at: Local, offset: number): Code {
  return pairs.flatMap(({ high, low }, i) => [
    ...high.set(wasm.loadSplat(offset + 8 * i, at.get)),
    ...low.set(wasm.loadSplat(offset + 8 * i + 4, at.get)),
  ]);
}

/** Sums of products with the weights' upper parts and with their lower parts, these with a half to round. */
interface Sums {
  high: Local;
  low: Local;
}

/** Adds the products of pairs of values; the first ones begin the sums. */
function addProducts({ high, low }: Sums, values: Local, weight: WeightPair, first: boolean): Code {
  const upper = wasm.dot(values.get, weight.high.get);
  const lower = wasm.dot(values.get, weight.low.get);
  return [
    ...high.set(first ? upper : wasm.addLanes(high.get, upper)),
    ...low.set(wasm.addLanes(first ? HALF : low.get, lower)),
  ];
}

/** The values that sums stand for, in 32 bits. */
const rounded = ({ high, low }: Sums): Code =>
  wasm.shiftRight(
    wasm.addLanes(wasm.shiftLeft(high.get, wasm.i32(LOW)), low.get),
    wasm.i32(PRECISION),
  );

const advance = (address: Local, bytes: number) =>
  address.set(wasm.add(address.get, wasm.i32(bytes)));

export interface AcrossLayout {
  /** Pairs of neighbouring pixels that make one. */
  pairs: number;
  /** Pixels of a scaled row. */
  columns: number;
  /** Bytes from row to row of the image, and of the narrow one. */
  imageStride: number;
  narrowStride: number;
}

/**
 * across(image, narrow, table, rows): scales rows of RGB8 pixels, a few at a time, so that a column's
 * weights are read once for all of them. The table has for each column the first pixel's offset in
 * bytes and its pairs of weights. A zero follows the last pixel of a row.
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
  /** Pairs of rows that make one. */
  pairs: number;
  /** Bytes from row to row of the narrow image, a multiple of eight; all of them are blended. */
  narrowStride: number;
}

/** down(narrow, scaled, weights): one row as the weighted sum of the rows from an address on. */
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
