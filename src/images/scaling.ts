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

/** Red, green, blue, of 255. */
export type Colour = readonly [number, number, number];

/**
 * How an image comes into its frame. Where it is not said: bilinear, aspect ratio kept, centred on black, as openpi
 * does. `stretched`: bicubic, each side by itself. `surrounded`: the same with a colour around it that makes it a
 * square, or one pixel less than one, first.
 */
export type Fit = 'stretched' | { surrounded: Colour };

/** The rectangle that an image is scaled to, pixels. */
export interface FramedSize extends Size {
  fit?: Fit;
}

/** What an image is scaled to: a rectangle, or the side of a square. */
export type Frame = FramedSize | number;

const sizeOf = (frame: Frame): FramedSize =>
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

/** A filter's weight at a distance, and the distance beyond which it is zero; pixels of the smaller image. */
interface Kernel {
  weight: (distance: number) => number;
  support: number;
}

const BILINEAR: Kernel = { weight: (x) => Math.max(0, 1 - Math.abs(x)), support: 1 };

/** Keys' cubic with a slope of −1/2. */
const BICUBIC: Kernel = {
  weight(distance) {
    const x = Math.abs(distance);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
  },
  support: 2,
};

/** Widened by the scale when shrinking, so that every input pixel contributes: Pillow's filters, bit for bit. */
function filterOf({ weight, support: reach }: Kernel, from: number, to: number): Filter {
  const scale = from / to;
  const widened = Math.max(scale, 1);
  const support = reach * widened;
  const raw = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: end - begin }, (_, tap) =>
      weight((begin + tap - centre + 0.5) * (1 / widened)),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { begin, weights: weights.map((w) => roundedAway((w / sum) * 2 ** PRECISION)) };
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

/** The nearest whole number; of two, the one farther from zero. */
const roundedAway = (value: number) => Math.trunc(value + 0.5 * Math.sign(value));

/** Weights in the layout of the scaling code: for each pair, both upper parts, then both lower parts. */
const packed = (weights: Int32Array) =>
  Array.from({ length: weights.length }, (_, i) => {
    const [a, b] = [weights[i & ~1], weights[i | 1]];
    const [left, right] = i & 1 ? [a & (2 ** LOW - 1), b & (2 ** LOW - 1)] : [a >> LOW, b >> LOW];
    return (left & 0xffff) | (right << 16);
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
  if (outer.fit) return { left: 0, top: 0, columns: outer.width, rows: outer.height };
  const ratio = Math.max(width / outer.width, height / outer.height);
  const columns = Math.max(1, Math.trunc(width / ratio));
  const rows = Math.max(1, Math.trunc(height / ratio));
  const left = Math.trunc((outer.width - columns) / 2);
  const top = Math.trunc((outer.height - rows) / 2);
  return { left, top, columns, rows };
}

/** Compiles the code and tables that scale images of one size. */
function makePlan(memory: ImageMemory, { width, height }: Size, outer: FramedSize): Plan {
  const { left, top, columns, rows } = placingOf({ width, height }, outer);
  const kernel = outer.fit ? BICUBIC : BILINEAR;
  const [horizontal, vertical] = [filterOf(kernel, width, columns), filterOf(kernel, height, rows)];

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

/** The same for an image that is surrounded by a colour first. */
function makeSurroundingPlan(
  memory: ImageMemory,
  { width, height }: Size,
  outer: FramedSize,
  colour: Colour,
): Plan {
  // prettier-ignore
  const side = Math.max(width, height);
  const [left, top] = [width, height].map((own) => Math.trunc((side - own) / 2));
  const wide = { width: width + 2 * left, height: height + 2 * top };
  const whole = allocate(memory, wide.width * wide.height * CHANNELS);
  for (let i = 0; i < whole.length; i++) whole[i] = colour[i % CHANNELS];
  const plan = makePlan(memory, wide, outer);
  const stride = width * CHANNELS;
  return (at) => {
    for (let row = 0; row < height; row++)
      whole.set(
        new Uint8Array(memory.buffer, at + row * stride, stride),
        ((top + row) * wide.width + left) * CHANNELS,
      );
    return plan(whole.byteOffset);
  };
}

/** Scales camera images to a policy's input size. */
export interface Scaler {
  /**
   * Scales an image to fit a frame, as the frame says, and writes [height, width, 3] to `target`. An image that is
   * already in the scaler's memory is not copied.
   */
  scale(image: Image, frame: Frame, target: Uint8Array): void;
}

export function createScaler(memory: ImageMemory): Scaler {
  const plans = new Map<string, Plan>();
  const newPlan = (size: Size, outer: FramedSize) =>
    typeof outer.fit === 'object'
      ? makeSurroundingPlan(memory, size, outer, outer.fit.surrounded)
      : makePlan(memory, size, outer);
  const planFor = ({ width, height }: Size, outer: FramedSize) => {
    const key = JSON.stringify([width, height, outer]);
    const plan = plans.get(key) ?? newPlan({ width, height }, outer);
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
