import type { Image } from '../../src/images/scaling.ts';

const ONE = 2 ** 22;

/** Pillow's filters: a weight by its distance, and the distance where it ends. */
interface Kernel {
  weight: (x: number) => number;
  reach: number;
}

const BILINEAR: Kernel = { weight: (x) => Math.max(0, 1 - Math.abs(x)), reach: 1 };

const BICUBIC: Kernel = {
  weight(signed) {
    const [a, x] = [-0.5, Math.abs(signed)];
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  },
  reach: 2,
};

/** One of the filters on one line: each output's first input and weights, in 2⁻²². */
function filter({ weight, reach }: Kernel, from: number, to: number) {
  const scale = from / to;
  const widened = Math.max(scale, 1);
  const support = reach * widened;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: end - first }, (_, tap) =>
      weight((first + tap - centre + 0.5) * (1 / widened)),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    const rounded = (value: number) => Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    return { first, weights: raw.map((one) => rounded((one / sum) * ONE)) };
  });
}

const at = ({ pixels, width }: Image, x: number, y: number, channel: number) =>
  pixels[(y * width + x) * 3 + channel];

/** Scales along the rows, each value rounded to a byte. */
function scaleRows(image: Image, to: number, kernel: Kernel): Image {
  const taps = filter(kernel, image.width, to);
  const pixels = new Uint8Array(image.height * to * 3).map((_, byte) => {
    const { first, weights } = taps[Math.trunc(byte / 3) % to];
    const y = Math.trunc(byte / 3 / to);
    const sum = weights.reduce((a, w, tap) => a + w * at(image, first + tap, y, byte % 3), 0);
    return Math.min(255, Math.max(0, Math.floor((sum + ONE / 2) / ONE)));
  });
  return { width: to, height: image.height, pixels };
}

function transpose(image: Image): Image {
  const { width, height } = image;
  const pixels = new Uint8Array(width * height * 3).map((_, byte) => {
    const pixel = Math.trunc(byte / 3);
    return at(image, Math.trunc(pixel / height), pixel % height, byte % 3);
  });
  return { width: height, height: width, pixels };
}

/** Scales along both axes. */
const scaleBoth = (image: Image, width: number, height: number, kernel: Kernel): Image =>
  transpose(scaleRows(transpose(scaleRows(image, width, kernel)), height, kernel));

/** What OpenVLA makes of an image with Pillow: each side scaled by itself, bicubic. Returns [side, side, 3]. */
export const pillowStretch = (image: Image, side: number): Uint8Array =>
  scaleBoth(image, side, side, BICUBIC).pixels;

/**
 * What openpi makes of an image with Pillow, written from the formula, a value at a time: fitted to a square,
 * aspect kept, centred on black. Returns [side, side, 3].
 */
export function pillowScale(image: Image, side: number): Uint8Array {
  const ratio = Math.max(image.width, image.height) / side;
  const width = Math.max(1, Math.trunc(image.width / ratio));
  const height = Math.max(1, Math.trunc(image.height / ratio));
  const scaled = scaleBoth(image, width, height, BILINEAR);
  const [left, top] = [Math.trunc((side - width) / 2), Math.trunc((side - height) / 2)];
  return new Uint8Array(side * side * 3).map((_, byte) => {
    const pixel = Math.trunc(byte / 3);
    const [x, y] = [(pixel % side) - left, Math.trunc(pixel / side) - top];
    return x < 0 || y < 0 || x >= width || y >= height ? 0 : at(scaled, x, y, byte % 3);
  });
}
