import { dirname, relative } from 'node:path';
import type { Shape } from '../../onnx/dim.ts';
import { formatShape, sameShape } from '../../onnx/dim.ts';
import type { ElementType } from '../../tensors/elementType.ts';
import { toFloat32 } from '../../tensors/dtype.ts';
import {
  type SafetensorsHeader,
  type TensorEntry,
  type TensorSource,
  loadTensors,
} from '../../tensors/safetensors.ts';
import { readShardedHeader } from '../../tensors/shards.ts';
import type { Value } from '../../onnx/graph.ts';
import { UserError, listed, invalid } from '../../errors.ts';
import { findPacked, packedShapes, packedWeight } from './packedWeights.ts';
import { onceEach } from '../../onceEach.ts';
import { plainlyNamed, storedNames } from './weightNames.ts';
import { type WeightSource } from './network.ts';

const ELEMENT_TYPES: Record<string, ElementType> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

type Tensors = SafetensorsHeader['tensors'];

/** Tensors by their plain names. */
const plainTensors = onceEach((tensors: Tensors) => plainlyNamed(tensors));

/** The plain name under which a file holds the tensor that openpi calls `name`. */
export function storedName(header: SafetensorsHeader, name: string): string | undefined {
  const tensors = plainTensors(header.tensors);
  return storedNames(name).find((stored) => tensors.has(stored));
}

/** A tensor by openpi's name, whichever the file uses. */
export function findTensor(header: SafetensorsHeader, name: string): TensorEntry | undefined {
  const stored = storedName(header, name);
  return stored === undefined ? undefined : plainTensors(header.tensors).get(stored);
}

/** What is wrong with a file's tensor of this name for a policy that needs this shape; undefined if nothing. */
export function weightFault(
  header: SafetensorsHeader,
  name: string,
  shape: Shape,
  demandedBy = 'policy.json',
): string | undefined {
  const packed = findPacked(header, name);
  if (packed) return packedFault(packed, name, shape);
  const entry = findTensor(header, name);
  if (!entry) return `${name} is missing (${formatShape(shape)})`;
  if (!sameShape(entry.shape, shape))
    return `${name} is ${formatShape(entry.shape)}, ${demandedBy} makes it ${formatShape(shape)}`;
  if (!(entry.dtype in ELEMENT_TYPES))
    return `${name} holds ${entry.dtype}, which is no weight's type`;
  return undefined;
}

function packedFault(
  { packing, elements, scales }: NonNullable<ReturnType<typeof findPacked>>,
  name: string,
  shape: Shape,
): string | undefined {
  const expected = packedShapes(shape as [number, number], packing);
  if (sameShape(elements.shape, expected.elements) && sameShape(scales.shape, expected.scales))
    return undefined;
  return `${name}.${packing} is ${formatShape(elements.shape)} with scales ${formatShape(scales.shape)}, policy.json makes it ${formatShape(expected.elements)} with ${formatShape(expected.scales)}`;
}

/**
 * Weights that stay in their safetensors files, in the type that they have there: the graph of a model
 * at `modelPath` points to them. Throws a `UserError` for a tensor that is missing or has another shape
 * than the policy's. `unsigned`: see `packedWeight`.
 */
export function externalWeights(
  header: SafetensorsHeader,
  path: string,
  modelPath: string,
  { unsigned = false } = {},
): WeightSource {
  const place = ({ path: file, offset, bytes }: TensorEntry) => ({
    location: relative(dirname(modelPath), file),
    offset,
    bytes,
  });
  return (graph) => {
    const plain = (name: string, shape: Shape) => {
      const fault = weightFault(header, name, shape);
      if (fault)
        throw new UserError(`${path}: ${fault}`, {
          kind: 'mismatch',
          subject: path,
          fields: [name],
        });
      const entry = findTensor(header, name)!;
      return graph.weight(name, ELEMENT_TYPES[entry.dtype], shape, place(entry));
    };
    return Object.assign(plain, {
      packed: (name: string, shape: readonly [number, number]) =>
        packedWeight(graph, header, name, shape, place, unsigned),
    });
  };
}

/** Names and shapes of the weights that building a graph asks for. */
export function shapesOf(build: (source: WeightSource) => unknown): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  build((graph) => (name, shape) => {
    shapes.set(name, shape);
    return graph.weight(name, 'float32', shape, { location: '', offset: 0, bytes: 0 });
  });
  return shapes;
}

/** Reads weights by openpi's names as float32. Throws a `UserError` for one that is missing. */
export async function loadWeights(
  path: string,
  names: readonly string[],
): Promise<Map<string, Float32Array>> {
  const header = await readShardedHeader(path);
  const entries = names.map((name) => {
    const entry = findTensor(header, name);
    if (!entry) throw invalid(path, `${name} is missing`, name);
    return entry;
  });
  const tensors = await loadTensors(entries);
  return new Map(names.map((name, i) => [name, toFloat32(tensors[i])]));
}

/** Weights of these shapes in float32, under openpi's names, each read when its turn comes. */
export async function weightSources(
  path: string,
  shapes: ReadonlyMap<string, Shape>,
): Promise<TensorSource[]> {
  const header = await readShardedHeader(path);
  return [...shapes].map(([name, shape]) => ({
    name,
    shape: shape as number[],
    dtype: 'F32',
    data: async () => toFloat32((await loadTensors([findTensor(header, name)!]))[0]),
  }));
}

/** All weights as inputs of the graph, named as they are: for graphs whose weights change or are shared. */
export const inputWeights: WeightSource = (graph) => {
  const known = new Map<string, Value>();
  return (name, shape) => {
    const value = known.get(name) ?? graph.input(name, 'float32', shape);
    known.set(name, value);
    return value;
  };
};

/**
 * Throws a `UserError` with all weights of a bundle that are missing or misshapen. Returns whether some are packed.
 */
export function checkStored(
  path: string,
  header: SafetensorsHeader,
  shapes: ReadonlyMap<string, Shape>,
): { isPacked: boolean } {
  const faults = [...shapes].flatMap(([name, shape]) => weightFault(header, name, shape) ?? []);
  if (faults.length > 0)
    throw new UserError(`${path} does not fit its policy.json:${listed(faults)}`, {
      kind: 'mismatch',
      subject: path,
    });
  return { isPacked: [...shapes.keys()].some((name) => findPacked(header, name) !== undefined) };
}
