import type { Value } from '../../../onnx/graph.ts';
import { convolve, groupNorm } from '../../../onnx/imageOperators.ts';
import {
  add,
  cast,
  concat,
  divide,
  expand,
  multiply,
  power,
  reduceMean,
  relu,
  reshape,
  squareRoot,
  subtract,
  transpose,
} from '../../../onnx/operators.ts';
import type { Weights } from '../../paligemma/network.ts';
import { NORM_GROUPS, type OctoImage, gridOf } from './config.ts';
import { stored } from './layers.ts';

const NORM_EPSILON = 1e-6;
const KERNEL_EPSILON = 1e-5;

/** Images of a camera: what is seen, bytes [batch, window, side, side, 3], and the goal [batch, side, side, 3]. */
export interface Pictures {
  seen: Value;
  goal?: Value;
}

/** Bytes as the stem reads them, in −1…1, channels first: [batch·window, channels, side, side]. */
function pixels({ seen, goal }: Pictures): Value {
  const [batch, window, side] = seen.shape as number[];
  const every = goal && expand(reshape(goal, [batch, 1, side, side, 3]), [1, window, 1, 1, 1]);
  const stacked = every ? concat([seen, every], 4) : seen;
  const flat = reshape(stacked, [batch * window, side, side, stacked.shape[4]]);
  const scaled = subtract(multiply(cast(flat, 'float32'), 1 / 127.5), 1);
  return transpose(scaled, [0, 3, 1, 2]);
}

/** A kernel [height, width, in, out] with mean 0 and standard deviation 1 in each output channel. */
function standardised(kernel: Value): Value {
  const centred = subtract(kernel, reduceMean(kernel, [0, 1, 2]));
  const variance = reduceMean(power(centred, 2), [0, 1, 2]);
  return divide(centred, add(squareRoot(variance), KERNEL_EPSILON));
}

/** What a stem computes: each convolution and its norm, [images, channels, side, side], and its patches. */
export interface Stem {
  convolved: Value[];
  normed: Value[];
  /** [images, patches, features], rows of the grid first. */
  patches: Value;
}

/** Octo's SmallStem: convolutions, each with a group norm (arXiv 2106.14881, appendix C), then patches. */
export function stem(weights: Weights, pictures: Pictures, image: OctoImage): Stem {
  const name = `octo_transformer/observation_tokenizers_${image.name}/${image.encoder}_0`;
  const convolved: Value[] = [];
  const normed: Value[] = [];
  const channelsFirst = (kernel: Value) => transpose(kernel, [3, 2, 0, 1]);
  let x = pixels(pictures);
  image.convolutions.forEach(({ channels, kernel: side, stride, padding }, i) => {
    const kernel = stored(weights, `${name}/StdConv_${i}/kernel`, [
      side,
      side,
      x.shape[1],
      channels,
    ]);
    const bias = stored(weights, `${name}/StdConv_${i}/bias`, [channels]);
    const y = convolve(x, channelsFirst(standardised(kernel)), bias, { stride, padding });
    const [scale, shift] = ['scale', 'bias'].map((part) =>
      stored(weights, `${name}/GroupNorm_${i}/${part}`, [channels]),
    );
    convolved.push(y);
    normed.push(groupNorm(y, scale, shift, NORM_GROUPS, NORM_EPSILON));
    x = relu(normed[i]);
  });
  const { patch, features } = image;
  const kernel = stored(weights, `${name}/embedding/kernel`, [patch, patch, x.shape[1], features]);
  const bias = stored(weights, `${name}/embedding/bias`, [features]);
  const grid = convolve(x, channelsFirst(kernel), bias, { stride: patch, padding: 0 });
  const flat = reshape(grid, [x.shape[0], features, gridOf(image) ** 2]);
  return { convolved, normed, patches: transpose(flat, [0, 2, 1]) };
}
