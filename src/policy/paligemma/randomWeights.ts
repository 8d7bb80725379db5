import { type Shape, elementCount } from '../../onnx/dim.ts';
import type { TensorData } from '../../tensors/dtype.ts';
import type { TensorSource } from '../../tensors/safetensors.ts';
import { DTYPE_OF, isHalved, narrow } from './convert.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import type { Precision } from '../bundle/precision.ts';

/** How a weight's elements are distributed: all the same, or normally about 0. */
type Distribution = { value: number } | { deviation: number };

/** The velocity and, in π0.5, what conditions the norms begin near zero. */
const SMALL = /^action_out_proj\.weight$|norm\.dense\.weight$/;

/** Norm scales are stored as offsets from one in Gemma, as factors in vision towers and Llama. */
const FACTOR = /(?:vision|^language_model).*norm.*weight$|scale_factor$/;

function distributionOf(name: string, shape: readonly number[]): Distribution {
  if (shape.length === 1) return { value: FACTOR.test(name) ? 1 : 0 };
  const isTable = name.includes('embed') && shape.length === 2;
  const fanIn = isTable ? shape[1] : (elementCount(shape.slice(1)) as number);
  const scale = SMALL.test(name) ? 0.1 : 1;
  return { deviation: scale / Math.sqrt(fanIn) };
}

function draw(distribution: Distribution, seed: readonly number[], count: number): Float32Array {
  if ('value' in distribution) return new Float32Array(count).fill(distribution.value);
  return gaussianNoise(seed, count).map((value) => value * distribution.deviation);
}

type Shapes = ReadonlyMap<string, Shape>;

const numberedShapes = (shapes: Shapes) =>
  [...shapes].map(([name, shape], i) => ({ name, shape: shape as number[], i }));

/** Random weights of these shapes, drawn from `seed`. */
export const randomTensors = (shapes: Shapes, seed: number): TensorSource[] =>
  numberedShapes(shapes).map(({ name, shape, i }) => ({
    name,
    shape,
    data: draw(distributionOf(name, shape), [seed, i], elementCount(shape) as number),
  }));

/** Elements that are drawn: tensors begin at different ones of them, and repeat them. Prime, so that no rows do. */
const DRAWN = 4_194_301;
const APART = 1_000_003;

function* repeated(block: TensorData, start: number, count: number): Generator<TensorData> {
  for (let made = 0, from = start; made < count; from = 0) {
    const part = block.subarray(from, Math.min(block.length, from + count - made));
    yield part;
    made += part.length;
  }
}

/** The same for a policy of the published size, in seconds: they are those of one drawn block. */
export function largeRandomTensors(
  shapes: Shapes,
  seed: number,
  precision: Precision,
): TensorSource[] {
  const blocks = new Map<string, TensorData>();
  const blockOf = (distribution: Distribution, stored: Precision, name: string) => {
    const key = JSON.stringify([distribution, stored]);
    const block = blocks.get(key) ?? narrow(draw(distribution, [seed], DRAWN), stored, name);
    blocks.set(key, block);
    return block;
  };
  return numberedShapes(shapes).map(({ name, shape, i }) => {
    const stored = isHalved(name, shape) ? precision : 'float32';
    const block = () => blockOf(distributionOf(name, shape), stored, name);
    const data = () => repeated(block(), (i * APART) % DRAWN, elementCount(shape) as number);
    return { name, shape, dtype: DTYPE_OF[stored], data };
  });
}
