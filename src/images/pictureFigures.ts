/** Width and height, pixels. */
interface Size {
  width: number;
  height: number;
}

/** Luma of ITU-R BT.601 of an RGB8 image, [height, width], 0 to 255. */
function grey(pixels: Uint8Array, { width, height }: Size): Float32Array {
  const luma = new Float32Array(width * height);
  for (let at = 0, from = 0; at < luma.length; at++, from += 3)
    luma[at] = 0.299 * pixels[from] + 0.587 * pixels[from + 1] + 0.114 * pixels[from + 2];
  return luma;
}

/** Mean of all bytes, 0 to 255. */
export const brightness = (pixels: Uint8Array): number =>
  pixels.reduce((sum, value) => sum + value, 0) / pixels.length;

/**
 * Variance of the Laplacian (four neighbours) of an RGB8 image's luma: large for a sharp image, small for a
 * blurred or empty one. It depends on the scene, so compare images of the same scene. 0 for an image without
 * inner pixels.
 */
export function sharpness(pixels: Uint8Array, size: Size): number {
  const { width, height } = size;
  const luma = grey(pixels, size);
  const count = (width - 2) * (height - 2);
  if (width < 3 || height < 3) return 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const laplacian =
        luma[at - 1] + luma[at + 1] + luma[at - width] + luma[at + width] - 4 * luma[at];
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  return squares / count - (sum / count) ** 2;
}

/** Nearest-neighbour scaling of RGB8 [height, width, 3], for display and comparison. */
export function thumbnail(pixels: Uint8Array, from: Size, to: Size): Uint8Array {
  const small = new Uint8Array(to.width * to.height * 3);
  for (let y = 0, at = 0; y < to.height; y++) {
    const row = Math.floor(((y + 0.5) * from.height) / to.height);
    for (let x = 0; x < to.width; x++, at += 3) {
      const column = Math.floor(((x + 0.5) * from.width) / to.width);
      const start = (row * from.width + column) * 3;
      small.set(pixels.subarray(start, start + 3), at);
    }
  }
  return small;
}

/** Mean absolute difference of two images of one size, 0 to 255. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += Math.abs(a[at] - b[at]);
  return sum / a.length;
}

/** Frames a second, from their stamps in ns; 0 for fewer than two. */
export function frameRate(stamps: readonly bigint[]): number {
  if (stamps.length < 2) return 0;
  const span = Number(stamps[stamps.length - 1] - stamps[0]) / 1e9;
  return span > 0 ? (stamps.length - 1) / span : 0;
}
