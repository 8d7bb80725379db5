import type { Placing } from './scaling.ts';
import { gaussianNoise } from '../tensors/noise.ts';

/**
 * Where a policy looks in its images: [cameras, 2], right and down of their centres, as shares of the side of the
 * square input. It compensates for a camera mounted differently than in the demonstrations.
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

/**
 * Field of view of a policy's square input, degrees: about that of ALOHA's cameras. It decides how much more the edges
 * move than the centre.
 */
const FIELD_OF_VIEW = 60;

/** Distance of the image plane, as a share of its side. */
const FOCAL_LENGTH = 0.5 / Math.tan((FIELD_OF_VIEW / 360) * Math.PI);

/**
 * Rows of the rotation that turns the axis (0, 0, 1) of a camera to where it meets the image plane at (right, down),
 * without rolling.
 */
function rotationTo(right: number, down: number) {
  const length = Math.hypot(right, down, FOCAL_LENGTH);
  const [x, y, z] = [right / length, down / length, FOCAL_LENGTH / length];
  return [
    [1 - (x * x) / (1 + z), (-x * y) / (1 + z), x],
    [(-x * y) / (1 + z), 1 - (y * y) / (1 + z), y],
    [-x, -y, z],
  ] as const;
}

/** Catmull–Rom weights of the four pixels around a point, which lies `t` of a pixel after the second. */
const cubicWeights = (t: number, weights: Float64Array) => {
  const [square, cube] = [t * t, t * t * t];
  weights[0] = square - (cube + t) / 2;
  weights[1] = (3 * cube - 5 * square + 2) / 2;
  weights[2] = (4 * square + t - 3 * cube) / 2;
  weights[3] = (cube - square) / 2;
};

/**
 * Writes to `target` the square image [side, side, 3] as a camera would see it that is turned so far that what lies
 * (right, down) of the centre comes to the centre, interpolated between pixels (Catmull–Rom): half a pixel can decide
 * where a gripper closes. Pixels that enter the image repeat its edge; the padding around the image does not move.
 */
export function lookAside(
  square: Uint8Array,
  side: number,
  { left, top, columns, rows }: Placing,
  [right, down]: Iterable<number>,
  target: Uint8Array,
): void {
  target.set(square);
  const rounded = new Uint8ClampedArray(target.buffer, target.byteOffset, target.length);
  const [across, downwards, depth] = rotationTo(right, down);
  const focal = FOCAL_LENGTH * side;
  const [middle, centre] = [(columns - 1) / 2, (rows - 1) / 2];
  const [a, b] = [new Float64Array(4), new Float64Array(4)];
  const aside = new Int32Array(4);
  const within = (at: number, count: number) => Math.max(0, Math.min(count - 1, at));
  for (let row = 0; row < rows; row++) {
    const y = row - centre;
    for (let column = 0; column < columns; column++) {
      const x = column - middle;
      const scale = focal / (depth[0] * x + depth[1] * y + depth[2] * focal);
      const fromX = middle + scale * (across[0] * x + across[1] * y + across[2] * focal);
      const fromY = centre + scale * (downwards[0] * x + downwards[1] * y + downwards[2] * focal);
      const [wholeX, wholeY] = [Math.floor(fromX), Math.floor(fromY)];
      cubicWeights(fromX - wholeX, a);
      cubicWeights(fromY - wholeY, b);
      for (let j = 0; j < 4; j++) aside[j] = (left + within(wholeX + j - 1, columns)) * CHANNELS;
      let [red, green, blue] = [0, 0, 0];
      for (let i = 0; i < 4; i++) {
        const line = (top + within(wholeY + i - 1, rows)) * side * CHANNELS;
        for (let j = 0; j < 4; j++) {
          const at = line + aside[j];
          const weight = b[i] * a[j];
          red += weight * square[at];
          green += weight * square[at + 1];
          blue += weight * square[at + 2];
        }
      }
      const to = ((top + row) * side + left + column) * CHANNELS;
      rounded[to] = red;
      rounded[to + 1] = green;
      rounded[to + 2] = blue;
    }
  }
}
