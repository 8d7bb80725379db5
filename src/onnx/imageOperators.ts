import { formatShape } from './dim.ts';
import { type Value, innermostGraph } from './graph.ts';
import { add, describe, multiply, reshape } from './operators.ts';

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

/**
 * Convolves images [n, in, height, width] with a kernel [out, in, h, w] and adds a bias [out]; `padding` pixels of zeros
 * are on each side.
 */
export function convolve(
  images: Value,
  kernel: Value,
  bias: Value,
  { stride, padding }: { stride: number; padding: number },
): Value {
  const graph = innermostGraph([images, kernel, bias]);
  const [n, channels, ...sides] = images.shape as number[];
  const [out, features, ...reach] = kernel.shape as number[];
  const shape = sides.map((side, i) => Math.floor((side + 2 * padding - reach[i]) / stride) + 1);
  if (channels !== features || shape.some((side) => side < 1))
    graph.fail('Conv', `${describe(images)} does not fit a kernel ${formatShape(kernel.shape)}`);
  const result = { type: images.type, shape: [n, out, ...shape] };
  return graph.node('Conv', [images, kernel, bias], [result], {
    strides: { ints: [stride, stride] },
    pads: { ints: [padding, padding, padding, padding] },
  })[0];
}

/** Normalises groups of neighbouring channels of images [n, channels, height, width]; scale and bias [channels]. */
export function groupNorm(
  images: Value,
  scale: Value,
  bias: Value,
  groups: number,
  epsilon: number,
): Value {
  const graph = innermostGraph([images, scale, bias]);
  const [n, channels, height, width] = images.shape as number[];
  if (channels % groups !== 0)
    graph.fail('GroupNorm', `${describe(images)} has no ${groups} groups of channels`);
  const grouped = reshape(images, [n, groups, (channels / groups) * height * width]);
  const constants = [1, 0].map((value) =>
    graph.constant(images.type, new Array<number>(groups).fill(value)),
  );
  const result = { type: images.type, shape: grouped.shape };
  const [normed] = graph.node('InstanceNormalization', [grouped, ...constants], [result], {
    epsilon: { float: epsilon },
  });
  const perChannel = (vector: Value) => reshape(vector, [channels, 1, 1]);
  return add(multiply(reshape(normed, images.shape), perChannel(scale)), perChannel(bias));
}
