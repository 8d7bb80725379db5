import type { Graph, ExternalData } from '../../../onnx/graph.ts';
import type { PackedMatrix } from '../../../onnx/products.ts';
import type { SafetensorsHeader, TensorEntry } from '../../../tensors/safetensors.ts';

/** Elements that share a scale, along a matrix's rows. */
export const BLOCK = 32;

/** Bits of a matrix's element. */
export const PACKED_BITS = [8, 4] as const;

export type PackedBits = (typeof PACKED_BITS)[number];

/** Names under which a file holds a matrix in few bits. */
export const packedNames = (name: string, bits: PackedBits) => ({
  elements: `${name}.q${bits}`,
  scales: `${name}.scales`,
});

/** Shapes of the two tensors of a packed matrix [out, in]. */
export const packedShapes = ([out, features]: readonly [number, number], bits: PackedBits) => {
  const blocks = Math.ceil(features / BLOCK);
  return { elements: [out, blocks, (BLOCK * bits) / 8], scales: [out, blocks] };
};

/** What a file's packed matrix of this name consists of; undefined where it holds none. */
export function findPacked(
  { tensors }: SafetensorsHeader,
  name: string,
): { bits: PackedBits; elements: TensorEntry; scales: TensorEntry } | undefined {
  for (const bits of PACKED_BITS) {
    const names = packedNames(name, bits);
    const [elements, scales] = [tensors.get(names.elements), tensors.get(names.scales)];
    if (elements && scales) return { bits, elements, scales };
  }
  return undefined;
}

/** A file's packed matrix [out, in] as weights of a graph; undefined where it holds none. */
export function packedWeight(
  graph: Graph,
  header: SafetensorsHeader,
  name: string,
  shape: readonly [number, number],
  place: (entry: TensorEntry) => ExternalData,
): PackedMatrix | undefined {
  const found = findPacked(header, name);
  if (!found) return undefined;
  const { bits, elements, scales } = found;
  const names = packedNames(name, bits);
  return {
    shape,
    bits,
    block: BLOCK,
    elements: graph.weight(names.elements, 'uint8', elements.shape, place(elements)),
    scales: graph.weight(names.scales, 'float32', scales.shape, place(scales)),
  };
}

/**
 * A matrix [out, in] in few bits: each block of a row counts in steps of its own, from
 * −2^(bits − 1) to 2^(bits − 1) − 1, of which the largest element of the block is one end. Laid out as
 * ONNX Runtime's MatMulNBits reads it.
 */
export function packMatrix(
  matrix: Float32Array,
  [out, features]: readonly [number, number],
  bits: PackedBits,
): { elements: Uint8Array; scales: Float32Array } {
  const blocks = Math.ceil(features / BLOCK);
  const bytes = (BLOCK * bits) / 8;
  const perByte = 8 / bits;
  const zero = 2 ** (bits - 1);
  const elements = new Uint8Array(out * blocks * bytes);
  const scales = new Float32Array(out * blocks);
  for (let row = 0; row < out; row++)
    for (let block = 0; block < blocks; block++) {
      const from = row * features + block * BLOCK;
      const to = Math.min(from + BLOCK, (row + 1) * features);
      let largest = 0;
      for (let i = from; i < to; i++)
        if (Math.abs(matrix[i]) > Math.abs(largest)) largest = matrix[i];
      const scale = -largest / zero;
      const at = row * blocks + block;
      scales[at] = scale;
      for (let i = 0; i < BLOCK; i++) {
        const value = from + i < to && scale !== 0 ? Math.round(matrix[from + i] / scale) : 0;
        const level = Math.min(value + zero, 2 * zero - 1);
        elements[at * bytes + Math.floor(i / perByte)] |= level << ((i % perByte) * bits);
      }
    }
  return { elements, scales };
}
