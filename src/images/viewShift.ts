import type { Placing } from './scaling.ts';
import { gaussianNoise } from '../tensors/noise.ts';

/**
 * Offset of a policy's view from the centre of its images: [cameras, 2], right and down, as shares of the
 * side of the square input. It compensates for a camera mounted differently than in the demonstrations.
 */
export type View = Float32Array;

const CHANNELS = 3;

/** Largest offset; beyond it an image is mostly repeated edge. */
export const FARTHEST_VIEW = 0.25;

export const straightView = (cameras: number): View => new Float32Array(2 * cameras);

/** Offset [2] of one camera, by its index in the bundle. */
export const viewOfCamera = (view: View, camera: number): View =>
  view.subarray(2 * camera, 2 * camera + 2);

export const isStraight = (view: View): boolean => view.every((share) => share === 0);

/** `view` plus `steps`, clamped to ±FARTHEST_VIEW. */
export const movedView = (view: View, steps: ArrayLike<number>): View =>
  view.map((share, i) =>
    Math.max(-FARTHEST_VIEW, Math.min(FARTHEST_VIEW, Math.fround(share + steps[i]))),
  );

/** Seed component that separates draws of views from those of chunks and attempts. */
const VIEW = 32;

/** The view of an exploring attempt: `view` plus Gaussian steps of standard deviations [cameras, 2]. */
export const exploredView = (view: View, deviations: readonly number[], attempt: number): View =>
  movedView(view, gaussianNoise([attempt, VIEW], view.length).map((draw, i) => draw * deviations[i])); // prettier-ignore

/** Catmull–Rom weights of the four pixels around a point, which lies `t` of a pixel after the second. */
const cubicWeights = (t: number) => [
  (-(t ** 3) + 2 * t ** 2 - t) / 2,
  (3 * t ** 3 - 5 * t ** 2 + 2) / 2,
  (-3 * t ** 3 + 4 * t ** 2 + t) / 2,
  (t ** 3 - t ** 2) / 2,
];

/**
 * Where each of `count` pixels in a line takes its value from, `shift` of pixels later: pixel `i` is the sum of those
 * at `from[i]` to `from[i + 3]`, by their weights. The ends of the line are repeated.
 */
function taps(count: number, shift: number) {
  const whole = Math.floor(shift);
  const within = (at: number) => Math.max(0, Math.min(count - 1, at));
  const from = Int32Array.from({ length: count + 3 }, (_, i) => within(i + whole - 1));
  return { from, weights: cubicWeights(shift - whole) };
}

/**
 * Writes to `target` the square image [side, side, 3] shifted by (right, down), interpolated between pixels
 * (Catmull–Rom, exact for whole pixels): half a pixel can decide where a gripper closes. Pixels that enter the
 * image repeat its edge; the padding around the image does not move.
 */
export function lookAside(
  square: Uint8Array,
  side: number,
  { left, top, columns, rows }: Placing,
  [right, down]: Iterable<number>,
  target: Uint8Array,
): void {
  const width = columns * CHANNELS;
  const at = (row: number) => ((top + row) * side + left) * CHANNELS;
  const aside = new Float32Array(rows * width);
  const across = taps(columns, right * side);
  const columnAt = across.from.map((column) => column * CHANNELS);
  const [a, b, c, d] = across.weights;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      for (let channel = 0; channel < CHANNELS; channel++) {
        const first = at(row) + channel;
        aside[row * width + column * CHANNELS + channel] =
          a * square[first + columnAt[column]] +
          b * square[first + columnAt[column + 1]] +
          c * square[first + columnAt[column + 2]] +
          d * square[first + columnAt[column + 3]];
      }
  target.set(square);
  const rounded = new Uint8ClampedArray(target.buffer, target.byteOffset, target.length);
  const downwards = taps(rows, down * side);
  const rowAt = downwards.from.map((row) => row * width);
  const [e, f, g, h] = downwards.weights;
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < width; i++)
      rounded[at(row) + i] =
        e * aside[rowAt[row] + i] +
        f * aside[rowAt[row + 1] + i] +
        g * aside[rowAt[row + 2] + i] +
        h * aside[rowAt[row + 3] + i];
}
