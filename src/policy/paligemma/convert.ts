import { UserError, invalid } from '../../errors.ts';
import { type Dtype, type TensorData, toFloat32 } from '../../tensors/dtype.ts';
import { findNonFinite } from '../../tensors/finite.ts';
import { fitsFloat16, toBfloat16, toFloat16 } from '../../tensors/halfPrecision.ts';
import {
  type SafetensorsHeader,
  type TensorEntry,
  type TensorSource,
  readParts,
} from '../../tensors/safetensors.ts';
import { type LowRank, loadMerge } from '../../tensors/lowRank.ts';
import {
  PACKING_OF,
  type PackedBits,
  blockElements,
  blockScales,
  packRows,
  packedNames,
  packedShapes,
  rowScales,
} from './packedWeights.ts';
import type { Precision } from '../bundle/precision.ts';
import type { Shape } from '../../onnx/dim.ts';
import { findTensor } from './weights.ts';

/** What a policy's weights are to become. */
export interface Storage {
  precision?: Precision;
  /** Where no precision is given: each weight has the type that it has there. */
  like?: SafetensorsHeader;
  /** 8: of all matrices of the prefix's layers; 4: of the language model's. In the place of the precision. */
  prefixBits?: PackedBits;
}

/** How safetensors call a precision. */
export const DTYPE_OF: Record<Precision, Dtype> = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
};

/** Matrices of the layers of π0's parts, and of OpenVLA's. */
const GEMMA = String.raw`^paligemma_with_expert\.paligemma\.model\.language_model\.layers\..*_proj`;
const SIGLIP = String.raw`^paligemma_with_expert\.paligemma\.model\.vision_tower\..*layers\..*(?:_proj|\.fc[12])`;
const LLAMA = String.raw`^language_model\.model\.layers\..*_proj`;
const TOWERS = String.raw`^vision_backbone\..*\.blocks\..*\.(?:qkv|proj|fc[12])`;
const PROJECTOR = String.raw`^projector\.fc[123]`;

const matrices = (...parts: string[]) => new RegExp(`(?:${parts.join('|')})\\.weight$`);

/** Which matrices are packed into so many bits: of an OpenVLA all but the first and the last, as its makers do. */
const PACKED: Record<PackedBits, RegExp> = {
  8: matrices(GEMMA, SIGLIP, LLAMA, TOWERS, PROJECTOR),
  4: matrices(GEMMA, LLAMA, TOWERS, PROJECTOR),
};

/** Whether a matrix is packed where so many bits are asked for. */
export const isPackedInto = (bits: PackedBits, name: string): boolean => PACKED[bits].test(name);

/** What the reference keeps in float32: vectors, the embeddings of patches, projections of state, actions, time, norms. */
const KEPT = /^(?:state_|action_|time_)|embeddings\.(?:patch|position)_embedding|norm\.dense\./;

/** Whether a weight is stored in the policy's precision, not in float32. */
export const isHalved = (name: string, shape: readonly number[]) =>
  shape.length > 1 && !KEPT.test(name);

/** Elements in memory at a time: some 64 MiB. */
const AT_ONCE = 2 ** 24;

/** Float32 numbers as elements of a stored type; told of those that it cannot hold. */
export function narrow(values: Float32Array, precision: Precision, name: string): TensorData {
  if (precision === 'float32') return values;
  if (precision === 'bfloat16') return toBfloat16(values);
  const large = values.find((value) => !fitsFloat16(Math.abs(value)));
  if (large !== undefined)
    throw new UserError(`${name} holds ${large}, which float16 cannot; convert to bfloat16`, {
      kind: 'unsupported',
      fields: [name],
    });
  return toFloat16(values);
}

/** A stored weight, and what is merged into it. */
interface Source {
  name: string;
  shape: number[];
  weight: TensorEntry;
  adapter?: LowRank;
}

/** A weight's elements as they are stored, checked. Throws a `UserError` for one that is not finite. */
async function* elements({ name, weight }: Source, most: number) {
  let done = 0;
  for await (const data of readParts(weight, most)) {
    const wrong = findNonFinite({ dtype: weight.dtype, data });
    if (wrong >= 0)
      throw invalid(
        weight.path,
        `${name} is not finite at element ${done + wrong}; take a checkpoint whose weights are numbers`,
        name,
      );
    done += data.length;
    yield data;
  }
}

/** A weight as float32, whole rows at a time, its adapter merged. */
async function* floats(source: Source) {
  const { shape, weight, adapter } = source;
  const features = shape.slice(1).reduce((product, size) => product * size, 1);
  const merge = adapter && (await loadMerge(adapter));
  let row = 0;
  for await (const data of elements(
    source,
    Math.max(1, Math.floor(AT_ONCE / features)) * features,
  )) {
    const rows = toFloat32({ dtype: weight.dtype, data });
    merge?.(rows, row);
    row += data.length / features;
    yield rows;
  }
}

function plainSource(source: Source, precision: Precision): TensorSource {
  const { name, shape, weight, adapter } = source;
  const dtype = DTYPE_OF[precision];
  const data = async function* () {
    if (weight.dtype === dtype && !adapter) yield* elements(source, AT_ONCE);
    else for await (const part of floats(source)) yield narrow(part, precision, name);
  };
  return { name, shape, dtype, data };
}

/** A matrix in blocks of few bits, one row group at a time. */
const blockParts = (source: Source, features: number) => {
  const scales = async function* () {
    for await (const rows of floats(source)) yield blockScales(rows, features, 4);
  };
  const elements = async function* () {
    for await (const rows of floats(source))
      yield blockElements(rows, features, 4, blockScales(rows, features, 4));
  };
  return { elements, scales };
};

/** A matrix as whole numbers, which are stored column by column and so made all at once. */
const integerParts = (source: Source, features: number) => {
  const elements = async function* () {
    const shape = source.shape as [number, number];
    const integers = new Int8Array(shape[0] * features);
    let row = 0;
    for await (const rows of floats(source)) {
      packRows(rows, integers, shape, row);
      row += rows.length / features;
    }
    yield integers;
  };
  const scales = async function* () {
    for await (const rows of floats(source)) yield rowScales(rows, features);
  };
  return { elements, scales };
};

/** The two tensors of a matrix in few bits. */
function packedSources(source: Source, bits: PackedBits): TensorSource[] {
  const shape = source.shape as [number, number];
  const names = packedNames(source.name, PACKING_OF[bits]);
  const shapes = packedShapes(shape, PACKING_OF[bits]);
  const { elements, scales } = (bits === 8 ? integerParts : blockParts)(source, shape[1]);
  const dtype = bits === 8 ? 'I8' : 'U8';
  return [
    { name: names.elements, shape: shapes.elements, dtype, data: elements },
    { name: names.scales, shape: shapes.scales, dtype: 'F32', data: scales },
  ];
}

const PRECISION_OF = new Map(
  Object.entries(DTYPE_OF).map(([precision, dtype]) => [dtype, precision as Precision]),
);

/**
 * A policy's weights in another storage, for writeSafetensors: read, merged with adapters (by openpi's
 * names of the weights), converted and written part by part. Packed matrices follow Frantar et al.'s
 * round-to-nearest baseline (arXiv 2210.17323), blocks of 32.
 */
export function convertedWeights(
  shapes: ReadonlyMap<string, Shape>,
  header: SafetensorsHeader,
  { precision, like = header, prefixBits }: Storage,
  adapters: ReadonlyMap<string, LowRank> = new Map(),
): TensorSource[] {
  return [...shapes].flatMap(([name, symbolic]) => {
    const shape = symbolic as number[];
    const weight = findTensor(header, name)!;
    const source = { name, shape, weight, adapter: adapters.get(name) };
    if (prefixBits && isPackedInto(prefixBits, name)) return packedSources(source, prefixBits);
    const stored = PRECISION_OF.get(findTensor(like, name)!.dtype)!;
    if (precision === undefined) return [plainSource(source, stored)];
    return [plainSource(source, isHalved(name, shape) ? precision : 'float32')];
  });
}
