import { dirname, relative } from 'node:path';
import type { Shape } from '../onnx/dim.ts';
import { formatShape, sameShape } from '../onnx/dim.ts';
import type { ElementType } from '../onnx/elementType.ts';
import { toFloat32 } from '../onnx/dtype.ts';
import {
  type SafetensorsHeader,
  type TensorEntry,
  loadTensors,
  readSafetensorsHeader,
} from '../onnx/safetensors.ts';
import { UserError } from '../errors.ts';
import { findPacked, packedShapes, packedWeight } from './packedWeights.ts';
import type { Pi0Config } from './pi0/config.ts';
import { type WeightSource, sampleGraph } from './pi0/graphs.ts';

const ELEMENT_TYPES: Record<string, ElementType> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** lerobot's name of a tensor is openpi's behind this. */
const LEROBOT_PREFIX = 'model.';

/** A tensor by openpi's name, whichever of the two the file uses. */
function findTensor(header: SafetensorsHeader, name: string): TensorEntry | undefined {
  return header.tensors.get(name) ?? header.tensors.get(LEROBOT_PREFIX + name);
}

/** What is wrong with a file's tensor of this name for a policy that needs this shape; undefined if nothing. */
export function weightFault(
  header: SafetensorsHeader,
  name: string,
  shape: Shape,
): string | undefined {
  const packed = findPacked(header, name);
  if (packed) return packedFault(packed, name, shape);
  const entry = findTensor(header, name);
  if (!entry) return `${name} is missing (${formatShape(shape)})`;
  if (sameShape(entry.shape, shape)) return undefined;
  return `${name} is ${formatShape(entry.shape)}, policy.json makes it ${formatShape(shape)}`;
}

function packedFault(
  { bits, elements, scales }: NonNullable<ReturnType<typeof findPacked>>,
  name: string,
  shape: Shape,
): string | undefined {
  const expected = packedShapes(shape as [number, number], bits);
  if (sameShape(elements.shape, expected.elements) && sameShape(scales.shape, expected.scales))
    return undefined;
  return `${name} in ${bits} bits is ${formatShape(elements.shape)} with scales ${formatShape(scales.shape)}, policy.json makes it ${formatShape(expected.elements)} with ${formatShape(expected.scales)}`;
}

/**
 * Weights that stay in their safetensors file: the graph of a model at `modelPath` points to them.
 * Throws a `UserError` for a tensor that is missing or has another shape than the policy's.
 */
export function externalWeights(
  header: SafetensorsHeader,
  path: string,
  modelPath: string,
): WeightSource {
  const location = relative(dirname(modelPath), path);
  const place = ({ offset, bytes }: TensorEntry) => ({ location, offset, bytes });
  return (graph) => {
    const plain = (name: string, shape: Shape) => {
      const fault = weightFault(header, name, shape);
      if (fault) throw new UserError(`${path}: ${fault}`);
      const entry = findTensor(header, name)!;
      const type = ELEMENT_TYPES[entry.dtype];
      if (!type)
        throw new UserError(`${path}: ${name} holds ${entry.dtype}, which is no weight's type`);
      return graph.weight(name, type, shape, place(entry));
    };
    return Object.assign(plain, {
      packed: (name: string, shape: readonly [number, number]) =>
        packedWeight(graph, header, name, shape, place),
    });
  };
}

/** Names and shapes of the weights that building graphs asks for. */
function recordWeights(shapes: Map<string, Shape>): WeightSource {
  return (graph) => (name, shape) => {
    shapes.set(name, shape);
    return graph.weight(name, 'float32', shape, { location: '', offset: 0, bytes: 0 });
  };
}

/** Reads weights by openpi's names as float32. Throws a `UserError` for one that is missing. */
export async function loadWeights(
  path: string,
  names: readonly string[],
): Promise<Map<string, Float32Array>> {
  const header = await readSafetensorsHeader(path);
  const entries = names.map((name) => {
    const entry = findTensor(header, name);
    if (!entry) throw new UserError(`${path}: ${name} is missing`);
    return entry;
  });
  const tensors = await loadTensors(path, entries);
  return new Map(names.map((name, i) => [name, toFloat32(tensors[i])]));
}

/** Names and shapes of all weights of a π0 of this configuration. */
export function weightShapes(config: Pi0Config): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  sampleGraph(config, recordWeights(shapes), 'bytes');
  return shapes;
}
