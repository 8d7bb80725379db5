import type { Graph, ExternalData } from '../../onnx/graph.ts';
import { type PackedMatrix, asUnsigned } from '../../onnx/products.ts';
import type { SafetensorsHeader, TensorEntry } from '../../tensors/safetensors.ts';

/** Elements of a block, which share a scale, along a matrix's rows. */
export const BLOCK = 32;

/** Bits of an element of a matrix in blocks. */
export const BLOCK_BITS = [8, 4] as const;

export type BlockBits = (typeof BLOCK_BITS)[number];

/**
 * How a file holds a matrix in few bits, by the ending of its name: whole numbers with a scale a row, or blocks of
 * 8 or 4 bits with a scale each.
 */
export const PACKINGS = ['i8', 'q8', 'q4'] as const;

export type Packing = (typeof PACKINGS)[number];

/** How a matrix is packed into so many bits. */
export const PACKING_OF = { 8: 'i8', 4: 'q4' } as const satisfies Record<number, Packing>;

export type PackedBits = keyof typeof PACKING_OF;

const bitsOf = (packing: Exclude<Packing, 'i8'>): BlockBits => (packing === 'q8' ? 8 : 4);

/** Names under which a file holds a matrix in few bits. */
export const packedNames = (name: string, packing: Packing) => ({
  elements: `${name}.${packing}`,
  scales: `${name}.scales`,
});

/** Shapes of the two tensors of a packed matrix [out, in]. */
export function packedShapes([out, features]: readonly [number, number], packing: Packing) {
  if (packing === 'i8') return { elements: [features, out], scales: [out] };
  const blocks = Math.ceil(features / BLOCK);
  return { elements: [out, blocks, (BLOCK * bitsOf(packing)) / 8], scales: [out, blocks] };
}

/** What a file's packed matrix of this name consists of; undefined where it holds none. */
export function findPacked(
  { tensors }: SafetensorsHeader,
  name: string,
): { packing: Packing; elements: TensorEntry; scales: TensorEntry } | undefined {
  for (const packing of PACKINGS) {
    const names = packedNames(name, packing);
    const [elements, scales] = [tensors.get(names.elements), tensors.get(names.scales)];
    if (elements && scales) return { packing, elements, scales };
  }
  return undefined;
}

/** Whether a file holds matrices in blocks of few bits. */
export const holdsBlocks = ({ tensors }: SafetensorsHeader): boolean =>
  [...tensors.keys()].some((name) => /\.q[48]$/.test(name));

/** Whether a file holds matrices as whole numbers. */
export const holdsIntegers = ({ tensors }: SafetensorsHeader): boolean =>
  [...tensors.keys()].some((name) => name.endsWith('.i8'));

/**
 * A file's packed matrix [out, in] as weights of a graph; undefined where it holds none. `unsigned` has whole numbers
 * multiplied as unsigned bytes.
 */
export function packedWeight(
  graph: Graph,
  header: SafetensorsHeader,
  name: string,
  shape: readonly [number, number],
  place: (entry: TensorEntry) => ExternalData,
  unsigned: boolean,
): PackedMatrix | undefined {
  const found = findPacked(header, name);
  if (!found) return undefined;
  const { packing, elements, scales } = found;
  const names = packedNames(name, packing);
  const weight = (
    key: keyof typeof names,
    type: 'int8' | 'uint8' | 'float32',
    entry: TensorEntry,
  ) => graph.weight(names[key], type, entry.shape, place(entry));
  const scaled = { shape, scales: weight('scales', 'float32', scales) };
  if (packing === 'i8') {
    const signed = { ...scaled, integers: weight('elements', 'int8', elements) };
    return unsigned ? asUnsigned(signed) : signed;
  }
  const bits = bitsOf(packing);
  return { ...scaled, bits, block: BLOCK, elements: weight('elements', 'uint8', elements) };
}

/** The largest whole number of a row: both signs have as many. */
const MOST = 127;

/** The scales of a matrix's rows: of whole numbers, the largest element is the largest. */
export const rowScales = (matrix: Float32Array, features: number): Float32Array =>
  Float32Array.from({ length: matrix.length / features }, (_, row) => {
    let largest = 0;
    for (let i = row * features; i < (row + 1) * features; i++)
      largest = Math.max(largest, Math.abs(matrix[i]));
    return largest / MOST;
  });

/** Writes rows of a matrix [out, in] as whole numbers into columns of [in, out], from column `first` on. */
export function packRows(
  rows: Float32Array,
  into: Int8Array,
  [out, features]: readonly [number, number],
  first = 0,
): void {
  rowScales(rows, features).forEach((scale, row) => {
    for (let i = 0; i < features; i++)
      into[i * out + first + row] = scale && Math.round(rows[row * features + i] / scale);
  });
}

/**
 * The scales of rows [.., in] in blocks: each block counts in steps of its own, from −2^(bits − 1) to
 * 2^(bits − 1) − 1, of which its largest element is one end.
 */
export function blockScales(rows: Float32Array, features: number, bits: BlockBits): Float32Array {
  const scales = new Float32Array((rows.length / features) * Math.ceil(features / BLOCK));
  let block = 0;
  for (let row = 0; row < rows.length; row += features)
    for (let from = row; from < row + features; from += BLOCK) {
      const to = Math.min(from + BLOCK, row + features);
      let largest = 0;
      for (let i = from; i < to; i++) if (Math.abs(rows[i]) > Math.abs(largest)) largest = rows[i];
      scales[block++] = -largest / 2 ** (bits - 1);
    }
  return scales;
}

/** The same rows' elements in blocks of these scales, laid out as ONNX Runtime's MatMulNBits reads them. */
export function blockElements(
  rows: Float32Array,
  features: number,
  bits: BlockBits,
  scales: Float32Array,
): Uint8Array {
  const perByte = 8 / bits;
  const elements = new Uint8Array((scales.length * BLOCK) / perByte);
  const zero = 2 ** (bits - 1);
  const most = 2 * zero - 1;
  // Truncated, this rounds: no level is below zero.
  const half = zero + 0.5;
  let [at, block] = [0, 0];
  for (let row = 0; row < rows.length; row += features) {
    const end = row + features;
    for (let from = row; from < end; from += BLOCK) {
      const scale = scales[block++];
      for (let i = from; i < from + BLOCK; i += perByte) {
        let byte = 0;
        for (let part = 0; part < perByte; part++) {
          const isThere = i + part < end && scale !== 0;
          const level = isThere ? Math.trunc(rows[i + part] / scale + half) : zero;
          byte |= Math.min(level, most) << (part * bits);
        }
        elements[at++] = byte;
      }
    }
  }
  return elements;
}
