import { LOW, PRECISION, across, down } from './scaleCode.ts';
import { MOST_PAGES, instantiate, moduleBytes } from './wasm.ts';

/** Pixels. */
export interface Size {
  width: number;
  height: number;
}

/** RGB bytes [height, width, 3]. */
export interface Image extends Size {
  pixels: Uint8Array;
}

/** The size that images are scaled to fit: a rectangle, or the side of a square. */
export type Frame = Size | number;

const sizeOf = (frame: Frame): Size =>
  typeof frame === 'number' ? { width: frame, height: frame } : frame;

const CHANNELS = 3;
const PAGE = 65536;
/** Bytes after an image that vector loads read without using them. */
const SLACK = 16;
/** Rows per call of the horizontal pass. */
const ROWS = 16;

/** For each output pixel, its first input pixel and its weights in pairs. */
interface Filter {
  pairs: number;
  taps: { first: number; weights: Int32Array }[];
}

/**
 * Triangle filter, widened by the scale when shrinking so that every input pixel contributes: Pillow's
 * bilinear filter, bit for bit.
 */
function triangleFilter(from: number, to: number): Filter {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const raw = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: end - begin }, (_, tap) =>
      Math.max(0, 1 - Math.abs((begin + tap - centre + 0.5) * (1 / support))),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { begin, weights: weights.map((w) => Math.trunc(0.5 + (w / sum) * 2 ** PRECISION)) };
  });
  const pairs = Math.ceil(Math.max(...raw.map(({ weights }) => weights.length)) / 2);
  const taps = raw.map(({ begin, weights }) => {
    // Pads the weights to full pairs with zeros, in front where the row ends.
    const first = Math.max(0, Math.min(begin, from - 2 * pairs));
    const filled = new Int32Array(2 * pairs);
    filled.set(weights, begin - first);
    return { first, weights: filled };
  });
  return { pairs, taps };
}

/** Weights in the layout of the scaling code: for each pair, both upper parts, then both lower parts. */
const packed = (weights: Int32Array) =>
  Array.from({ length: weights.length }, (_, i) => {
    const [a, b] = [weights[i & ~1], weights[i | 1]];
    const [left, right] = i & 1 ? [a & (2 ** LOW - 1), b & (2 ** LOW - 1)] : [a >> LOW, b >> LOW];
    return left | (right << 16);
  });

/** Shared memory in which threads store and scale images. */
export type ImageMemory = WebAssembly.Memory;

export const openImageMemory = (): ImageMemory =>
  new WebAssembly.Memory({ initial: 0, maximum: MOST_PAGES, shared: true });

/** Allocates bytes in an image memory, followed by slack that vector loads may read. */
export function allocate(memory: ImageMemory, bytes: number): Uint8Array {
  const at = memory.grow(Math.ceil((bytes + SLACK) / PAGE)) * PAGE;
  return new Uint8Array(memory.buffer, at, bytes);
}

/** A reusable buffer in an image memory, reallocated when it is too small. */
export function newestBytes(memory: ImageMemory): (bytes: number) => Uint8Array {
  let own: Uint8Array = new Uint8Array();
  return (bytes) => {
    if (own.length < bytes) own = allocate(memory, bytes);
    return own.subarray(0, bytes);
  };
}

/** An image at an address of an image memory, in the form that threads exchange. */
export interface SharedImage extends Size {
  at: number;
}

export const imageAt = (memory: ImageMemory, { at, width, height }: SharedImage): Image => {
  return { width, height, pixels: new Uint8Array(memory.buffer, at, width * height * CHANNELS) };
};

/** Scales the image at an address; each call overwrites the same result buffer. */
type Plan = (at: number) => Uint8Array;

const multipleOf = (step: number, value: number) => Math.ceil(value / step) * step;

/** The rectangle that a scaled image occupies in its frame, pixels. */
export interface Placing {
  left: number;
  top: number;
  columns: number;
  rows: number;
}

export function placingOf({ width, height }: Size, frame: Frame): Placing {
  const outer = sizeOf(frame);
  const ratio = Math.max(width / outer.width, height / outer.height);
  const columns = Math.max(1, Math.trunc(width / ratio));
  const rows = Math.max(1, Math.trunc(height / ratio));
  const left = Math.trunc((outer.width - columns) / 2);
  const top = Math.trunc((outer.height - rows) / 2);
  return { left, top, columns, rows };
}

/** Compiles the code and tables that scale images of one size. */
function makePlan(memory: ImageMemory, { width, height }: Size, outer: Size): Plan {
  const { left, top, columns, rows } = placingOf({ width, height }, outer);
  const [horizontal, vertical] = [triangleFilter(width, columns), triangleFilter(height, rows)];

  const imageStride = width * CHANNELS;
  const narrowStride = multipleOf(8, columns * CHANNELS + 1);
  const columnTable = Int32Array.from(
    horizontal.taps.flatMap(({ first, weights }) => [first * CHANNELS, ...packed(weights)]),
  );
  const rowTable = Int32Array.from(vertical.taps.flatMap(({ weights }) => packed(weights)));
  const place = (data: Int32Array) => {
    const own = allocate(memory, data.byteLength);
    own.set(new Uint8Array(data.buffer));
    return own.byteOffset;
  };
  const [columnsAt, rowsAt] = [place(columnTable), place(rowTable)];
  const narrow = allocate(memory, (height + 1) * narrowStride).byteOffset;
  const scaled = allocate(memory, outer.width * outer.height * CHANNELS);

  const bytes = moduleBytes({
    across: across({ pairs: horizontal.pairs, columns, imageStride, narrowStride }),
    down: down({ pairs: vertical.pairs, narrowStride }),
  });
  const code = instantiate(bytes, memory);
  return (at) => {
    for (let row = 0; row < height; row += ROWS)
      code.across(
        at + row * imageStride,
        narrow + row * narrowStride,
        columnsAt,
        Math.min(ROWS, height - row),
      );
    for (let row = 0; row < rows; row++)
      code.down(
        narrow + vertical.taps[row].first * narrowStride,
        scaled.byteOffset + ((top + row) * outer.width + left) * CHANNELS,
        rowsAt + row * vertical.pairs * 8,
      );
    return scaled;
  };
}

/** Scales camera images to a policy's input size. */
export interface Scaler {
  /**
   * Scales an image to fit a frame, aspect ratio kept, centred on black, as openpi does, and writes [height,
   * width, 3] to `target`. An image that is already in the scaler's memory is not copied.
   */
  scale(image: Image, frame: Frame, target: Uint8Array): void;
}

export function createScaler(memory: ImageMemory): Scaler {
  const plans = new Map<string, Plan>();
  const planFor = ({ width, height }: Size, outer: Size) => {
    const key = `${width} ${height} ${outer.width} ${outer.height}`;
    const plan = plans.get(key) ?? makePlan(memory, { width, height }, outer);
    plans.set(key, plan);
    return plan;
  };

  const place = newestBytes(memory);
  const addressOf = (pixels: Uint8Array) => {
    if (pixels.buffer === memory.buffer) return pixels.byteOffset;
    const copy = place(pixels.length);
    copy.set(pixels);
    return copy.byteOffset;
  };

  return {
    scale(image, frame, target) {
      const outer = sizeOf(frame);
      if (image.width === outer.width && image.height === outer.height) target.set(image.pixels);
      else target.set(planFor(image, outer)(addressOf(image.pixels)));
    },
  };
}

let own: Scaler | undefined;

/** This thread's scaler, for images in any memory. */
export const threadScaler = (): Scaler => (own ??= createScaler(openImageMemory()));

/**
 * Scales an RGB8 image [height, width, 3] into a new square; returns the input itself if it has that size.
 */
export function resizeWithPad(
  pixels: Uint8Array,
  width: number,
  height: number,
  side: number,
): Uint8Array {
  if (width === side && height === side) return pixels;
  const square = new Uint8Array(side * side * CHANNELS);
  threadScaler().scale({ pixels, width, height }, side, square);
  return square;
}
