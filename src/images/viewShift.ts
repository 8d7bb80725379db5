import type { Placing } from './scaling.ts';
import { gaussianNoise } from '../tensors/noise.ts';

/**
 * Offset of a policy's view from the centre of its images: [cameras, 2], right and down, as shares of the
 * side of the square input. It compensates for a camera mounted differently than in the demonstrations.
 */
export type View = Float32Array;

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

/** The view of an exploring attempt: `view` plus Gaussian steps of standard deviation `size`. */
export const exploredView = (view: View, size: number, attempt: number): View =>
  movedView(view, gaussianNoise([attempt, VIEW], view.length).map((draw) => draw * size)); // prettier-ignore

/**
 * Writes to `target` the square image [side, side, 3] shifted by (right, down), rounded to whole pixels.
 * Pixels that enter the image repeat its edge; the padding around the image does not move.
 */
export function lookAside(
  square: Uint8Array,
  side: number,
  { left, top, columns, rows }: Placing,
  [right, down]: Iterable<number>,
  target: Uint8Array,
): void {
  const [dx, dy] = [right, down].map((share) => Math.round(share * side));
  target.set(square);
  const within = (at: number, size: number) => Math.max(0, Math.min(size - 1, at));
  const at = (row: number, column: number) => ((top + row) * side + left + column) * 3;
  const [first, last] = [within(-dx, columns), within(columns - 1 - dx, columns)];
  for (let row = 0; row < rows; row++) {
    const from = within(row + dy, rows);
    target.set(
      square.subarray(
        at(from, within(first + dx, columns)),
        at(from, within(last + dx, columns) + 1),
      ),
      at(row, first),
    );
    for (let column = 0; column < first; column++)
      target.copyWithin(at(row, column), at(row, first), at(row, first + 1));
    for (let column = last + 1; column < columns; column++)
      target.copyWithin(at(row, column), at(row, last), at(row, last + 1));
  }
}
