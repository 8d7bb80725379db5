import { formatShape } from './dim.ts';
import { type Value, innermostGraph } from './graph.ts';
import { add, describe, multiply, reshape, slicePart, transpose } from './operators.ts';

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

/** Pixels between a convolution's places, and zeros on each side of an image. */
interface Convolution {
  stride: number;
  padding: number;
}

/**
 * Convolves images [n, in, height, width] with a kernel [out, in, h, w] and adds a bias [out]; `padding` pixels of zeros
 * are on each side.
 */
export function convolve(
  images: Value,
  kernel: Value,
  bias: Value,
  { stride, padding }: Convolution,
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

/** The gradient of `convolve` with respect to its images: that of its result, spread by the kernel again. */
export function convolveImagesGradient(
  dy: Value,
  images: Value,
  kernel: Value,
  { stride, padding }: Convolution,
): Value {
  const graph = innermostGraph([dy, kernel]);
  const [rows, columns] = [2, 3].map((axis) => {
    const [side, reach, result] = [images, kernel, dy].map(({ shape }) => shape[axis] as number);
    return side - ((result - 1) * stride + reach - 2 * padding);
  });
  const result = { type: dy.type, shape: images.shape };
  return graph.node('ConvTranspose', [dy, kernel], [result], {
    strides: { ints: [stride, stride] },
    pads: { ints: [padding, padding, padding, padding] },
    output_padding: { ints: [rows, columns] },
  })[0];
}

/**
 * The gradient of `convolve` with respect to its kernel: the images convolved with the result's gradient, whose pixels
 * are a stride apart. Rows and columns of the images that no stride reaches leave a rest, which is cut off.
 */
export function convolveKernelGradient(
  dy: Value,
  images: Value,
  kernel: Value,
  { stride, padding }: Convolution,
): Value {
  const graph = innermostGraph([dy, images]);
  const swapped = [1, 0, 2, 3];
  const sides = [2, 3].map((axis) => {
    const [side, result] = [images, dy].map(({ shape }) => shape[axis] as number);
    return side + 2 * padding - stride * (result - 1);
  });
  const [out, channels, ...reach] = kernel.shape as number[];
  const inputs = [transpose(images, swapped), transpose(dy, swapped)];
  const result = { type: dy.type, shape: [channels, out, ...sides] };
  const [spread] = graph.node('Conv', inputs, [result], {
    dilations: { ints: [stride, stride] },
    pads: { ints: [padding, padding, padding, padding] },
  });
  const cut = (x: Value, i: number) =>
    sides[i] === reach[i] ? x : slicePart(x, i + 2, 0, reach[i], sides[i] - reach[i]);
  return transpose([0, 1].reduce(cut, spread), swapped);
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
