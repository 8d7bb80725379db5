import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  concat,
  cosine,
  expand,
  gather,
  loop,
  maximum,
  minimum,
  multiply,
  reduceMean,
  reshape,
  silu,
  sine,
  subtract,
  transpose,
  where,
} from '../../../onnx/operators.ts';
import { product } from '../../../onnx/products.ts';
import type { Weights } from '../../paligemma/network.ts';
import { type OctoConfig, chunkSize } from './config.ts';
import { dense, normed, stored } from './layers.ts';
import { cosineSchedule } from './schedule.ts';

/** How many times as wide a block is inside. */
const INNER = 4;

const root = ({ head }: OctoConfig) => `heads_${head.name}/diffusion_model`;

/** Numbers of steps [rows, 1] by learned frequencies, and what the network reads of them: both [rows, timeDim]. */
export function timeFeatures(weights: Weights, times: Value, config: OctoConfig) {
  const { timeDim } = config.head;
  const frequencies = stored(weights, `${root(config)}/time_preprocess/kernel`, [timeDim / 2, 1]);
  const angles = multiply(product(times, transpose(frequencies, [1, 0])), 2 * Math.PI);
  const fourier = concat([cosine(angles), sine(angles)], 1);
  const name = `${root(config)}/cond_encoder`;
  const inner = silu(dense(weights, `${name}/Dense_0`, fourier, 2 * timeDim));
  return { fourier, condition: dense(weights, `${name}/Dense_1`, inner, timeDim) };
}

/**
 * The noise in chunks [rows, horizon·actionDim], predicted from the time's condition [rows, timeDim] and the readout
 * [rows, width]; and what each block makes.
 */
export function predictNoise(
  weights: Weights,
  condition: Value,
  readout: Value,
  noisy: Value,
  config: OctoConfig,
): { blocks: Value[]; noise: Value } {
  const { width, blocks: count, layerNorm } = config.head;
  const name = `${root(config)}/reverse_network`;
  const blocks: Value[] = [];
  let x = dense(weights, `${name}/Dense_0`, concat([condition, readout, noisy], 1), width);
  for (let i = 0; i < count; i++) {
    const block = `${name}/MLPResNetBlock_${i}`;
    const from = layerNorm ? normed(weights, `${block}/LayerNorm_0`, x) : x;
    const inner = silu(dense(weights, `${block}/Dense_0`, from, INNER * width));
    x = add(x, dense(weights, `${block}/Dense_1`, inner, width));
    blocks.push(x);
  }
  return { blocks, noise: dense(weights, `${name}/Dense_1`, silu(x), chunkSize(config)) };
}

/** One number for each step of the sampling, the noisiest first. */
function perStep(like: Value, { head }: OctoConfig, of: (step: number) => number): Value {
  const values = Array.from({ length: head.steps }, (_, i) => of(head.steps - 1 - i));
  return like.graph.constant('float32', values, [head.steps, 1]);
}

/**
 * A chunk [batch, horizon·actionDim], normalised, by all steps of the diffusion: from a readout [batch, readouts, width],
 * the noise that it begins with [batch, horizon·actionDim], and that of each step, `draws` [steps, batch, …], in the
 * order used.
 */
export function denoise(
  weights: Weights,
  readout: Value,
  noise: Value,
  draws: Value,
  config: OctoConfig,
): Value {
  const { head, actionDim, robotActionDim } = config;
  const { graph } = noise;
  const batch = noise.shape[0] as number;
  const { betas, alphas, alphaHats } = cosineSchedule(head.steps);
  const table = (of: (step: number) => number) => perStep(noise, config, of);
  const { condition } = timeFeatures(weights, table((step) => step), config); // prettier-ignore
  const ofNoise = table((step) => (1 - alphas[step]) / Math.sqrt(1 - alphaHats[step]));
  const growth = table((step) => 1 / Math.sqrt(alphas[step]));
  const spread = table((step) => (step > 0 ? Math.sqrt(betas[step]) : 0));
  const unused = table((step) => Math.sqrt(1 - alphaHats[step]));
  const isOwn = Array.from({ length: chunkSize(config) }, (_, i) =>
    Number(i % actionDim < robotActionDim),
  );
  const own = graph.constant('bool', isOwn, [1, isOwn.length]);
  const mean = reduceMean(readout, [1], false);
  const trips = graph.constant('int64', [head.steps], []);
  const [chunk] = loop(trips, [noise], (step, [x]) => {
    const now = expand(reshape(gather(condition, step), [1, head.timeDim]), [batch, 1]);
    const predicted = predictNoise(weights, now, mean, x, config).noise;
    const draw = gather(draws, step);
    const cleaner = multiply(
      subtract(x, multiply(predicted, gather(ofNoise, step))),
      gather(growth, step),
    );
    const next = add(cleaner, multiply(draw, gather(spread, step)));
    const within = minimum(maximum(next, -head.maxAction), head.maxAction);
    if (robotActionDim === actionDim) return [within];
    return [where(own, within, multiply(draw, gather(unused, step)))];
  });
  return chunk;
}
