import type { Dim } from '../../onnx/dim.ts';
import { outputGradients } from '../../onnx/gradient.ts';
import { Graph, type Value } from '../../onnx/graph.ts';
import {
  cast,
  multiply,
  power,
  reduceMean,
  reshape,
  sigmoid,
  silu,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import { linear } from '../../onnx/products.ts';
import { Tensor } from '../../session/session.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { flatten, tensorsIn } from '../train/parameters.ts';

/** Strided convolutions: pixels or cells of a side that each one merges, and the channels it makes. */
const CONVOLUTIONS = [
  { merge: 4, channels: 16 },
  { merge: 2, channels: 32 },
  { merge: 2, channels: 32 },
];
const HIDDEN = 32;

/** A side must be a multiple of this, pixels. */
export const SIDE_STEP = CONVOLUTIONS.reduce((product, { merge }) => product * merge, 1);

/** The network's parameters for images of `side` pixels: layer.i.weight [out, in], layer.i.bias [out]. */
export function successParameters(side: number): Parameter[] {
  const layers: [number, number][] = [];
  let channels = 3;
  for (const { merge, channels: out } of CONVOLUTIONS) {
    layers.push([out, merge * merge * channels]);
    channels = out;
  }
  const cells = (side / SIDE_STEP) ** 2;
  layers.push([HIDDEN, cells * channels], [1, HIDDEN]);
  return layers.flatMap(([out, inner], i) => [
    { name: `layer.${i}.weight`, shape: [out, inner] },
    { name: `layer.${i}.bias`, shape: [out] },
  ]);
}

/** Weights of deviation 1/√in, biases of zero. */
export function initialSuccess(side: number, seed: number): Float32Array {
  return flatten(successParameters(side), ({ shape: [rows, columns = 0] }, i) =>
    gaussianNoise([seed, i], rows * Math.max(1, columns)).map((value) =>
      columns > 0 ? value / Math.sqrt(columns) : 0,
    ),
  );
}

/** Cells [batch, grid, grid, channels] → [batch, grid/by, grid/by, by²·channels]. */
function merged(x: Value, by: number): Value {
  const [batch, grid, , channels] = x.shape as [Dim, number, number, number];
  const cells = grid / by;
  const split = reshape(x, [batch, cells, by, cells, by, channels]);
  return reshape(transpose(split, [0, 1, 3, 2, 4, 5]), [batch, cells, cells, by * by * channels]);
}

/** RGB bytes [batch, side, side, 3] → probability [batch]. */
function probabilities(images: Value, parameters: readonly Value[]): Value {
  const layer = (x: Value, i: number) => linear(x, parameters[2 * i], parameters[2 * i + 1]);
  const [batch] = images.shape;
  let x = subtract(multiply(cast(images, 'float32'), 2 / 255), 1);
  CONVOLUTIONS.forEach(({ merge }, i) => {
    x = silu(layer(merged(x, merge), i));
  });
  const [, rows, columns, channels] = x.shape as [Dim, number, number, number];
  const hidden = silu(layer(reshape(x, [batch, rows * columns * channels]), CONVOLUTIONS.length));
  return reshape(sigmoid(layer(hidden, CONVOLUTIONS.length + 1)), [batch]);
}

/**
 * images [batch, side, side, 3], targets [batch] (0 or 1) and the parameters → loss, the mean squared error
 * (Brier's score, least where a probability is the true one), and gradient.NAME by each parameter.
 */
export function successLossGraph(side: number, batch: number): Graph {
  const graph = new Graph('success loss');
  const images = graph.input('images', 'uint8', [batch, side, side, 3]);
  const targets = graph.input('targets', 'float32', [batch]);
  const parameters = successParameters(side);
  const weights = parameters.map(({ name, shape }) => graph.input(name, 'float32', shape));
  const errors = subtract(probabilities(images, weights), targets);
  const loss = reduceMean(power(errors, 2), [0], false);
  graph.output('loss', loss);
  outputGradients(loss, weights);
  return graph;
}

/** The classifier as it is used: image uint8 [1, side, side, 3] → probability [1], its weights within. */
export function successGraph(side: number, flat: Float32Array): Graph {
  const graph = new Graph('success');
  const image = graph.input('image', 'uint8', [1, side, side, 3]);
  const weights = [...tensorsIn(flat, successParameters(side)).values()].map(({ data, dims }) =>
    graph.constant('float32', [...(data as Float32Array)], dims),
  );
  graph.output('probability', probabilities(image, weights));
  return graph;
}

/** A frame's pixels [side, side, 3] as the classifier's input. */
export const imageTensor = (pixels: Uint8Array, side: number) =>
  new Tensor('uint8', pixels, [1, side, side, 3]);
