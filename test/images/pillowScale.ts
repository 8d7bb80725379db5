import type { Image } from '../../src/images/scaling.ts';

const ONE = 2 ** 22;

/** Pillow's bilinear filter on one line: each output's first input and weights, in 2⁻²². */
function filter(from: number, to: number) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: end - first }, (_, tap) =>
      Math.max(0, 1 - Math.abs((first + tap - centre + 0.5) * (1 / support))),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((weight) => Math.trunc(0.5 + (weight / sum) * ONE)) };
  });
}

const at = ({ pixels, width }: Image, x: number, y: number, channel: number) =>
  pixels[(y * width + x) * 3 + channel];

/** Scales along the rows, each value rounded to a byte. */
function scaleRows(image: Image, to: number): Image {
  const taps = filter(image.width, to);
  const pixels = new Uint8Array(image.height * to * 3).map((_, byte) => {
    const { first, weights } = taps[Math.trunc(byte / 3) % to];
    const y = Math.trunc(byte / 3 / to);
    const sum = weights.reduce((a, w, tap) => a + w * at(image, first + tap, y, byte % 3), 0);
    return Math.floor((sum + ONE / 2) / ONE);
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

/**
 * What openpi makes of an image with Pillow, written from the formula, a value at a time: fitted to a square,
 * aspect kept, centred on black. Returns [side, side, 3].
 */
export function pillowScale(image: Image, side: number): Uint8Array {
  const ratio = Math.max(image.width, image.height) / side;
  const width = Math.max(1, Math.trunc(image.width / ratio));
  const height = Math.max(1, Math.trunc(image.height / ratio));
  const scaled = transpose(scaleRows(transpose(scaleRows(image, width)), height));
  const [left, top] = [Math.trunc((side - width) / 2), Math.trunc((side - height) / 2)];
  return new Uint8Array(side * side * 3).map((_, byte) => {
    const pixel = Math.trunc(byte / 3);
    const [x, y] = [(pixel % side) - left, Math.trunc(pixel / side) - top];
    return x < 0 || y < 0 || x >= width || y >= height ? 0 : at(scaled, x, y, byte % 3);
  });
}
