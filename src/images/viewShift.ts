import type { Placing } from './scaling.ts';
import { gaussianNoise } from '../tensors/noise.ts';

/**
 * Where a policy looks beside its pictures' middle: [cameras, 2], to the right and down, in shares of the
 * side of the square that it sees. A camera that hangs elsewhere than the demonstrations' shows the same
 * things at another place.
 */
export type View = Float32Array;

/** Beyond it a picture shows more of its edge than of the table. */
export const FARTHEST_VIEW = 0.25;

export const straightView = (cameras: number): View => new Float32Array(2 * cameras);

/** [2] of one camera, by its place in the bundle. */
export const viewOfCamera = (view: View, camera: number): View =>
  view.subarray(2 * camera, 2 * camera + 2);

export const isStraight = (view: View): boolean => view.every((share) => share === 0);

/** `view` moved by steps, no farther than it may. */
export const movedView = (view: View, steps: ArrayLike<number>): View =>
  view.map((share, i) =>
    Math.max(-FARTHEST_VIEW, Math.min(FARTHEST_VIEW, Math.fround(share + steps[i]))),
  );

/** Tells the draws of a view from those of chunks and attempts of the same seed. */
const VIEW = 32;

/** Where an attempt looks when it explores: each camera beside `view` by Gaussian steps of `size`. */
export const exploredView = (view: View, size: number, attempt: number): View =>
  movedView(view, gaussianNoise([attempt, VIEW], view.length).map((draw) => draw * size)); // prettier-ignore

/**
 * Writes to `target` a square [side, side, 3] as it is seen from `right` and `down` of its middle, by whole
 * pixels: what comes in at the image's edges repeats them, what is around the image stays.
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
