import type { Value } from './graph.ts';
import { innermostGraph } from './graph.ts';

/**
 * Sampling grid [n, height, width, 2] for images like `images` [n, channels, height, width]. `affine` [n, 2,
 * 3] maps output coordinates to input coordinates, both −1…1.
 */
export function affineGrid(affine: Value, images: Value): Value {
  const graph = innermostGraph([affine, images]);
  const [n, , height, width] = images.shape;
  const size = graph.node('Shape', [images], [{ type: 'int64', shape: [4] }])[0];
  const grid = { type: affine.type, shape: [n, height, width, 2] };
  return graph.node('AffineGrid', [affine, size], [grid])[0];
}

/** Samples images [n, channels, height, width] at a grid [n, rows, columns, 2]: bilinear, zero outside. */
export function gridSample(images: Value, grid: Value): Value {
  const graph = innermostGraph([images, grid]);
  const [n, channels] = images.shape;
  const [, rows, columns] = grid.shape;
  const shape = [n, channels, rows, columns];
  return graph.node('GridSample', [images, grid], [{ type: images.type, shape }], {
    mode: { string: 'linear' },
    padding_mode: { string: 'zeros' },
  })[0];
}
