import { addDims } from '../../onnx/dim.ts';
import {
  type Standing,
  biasedGelu,
  fusedLinear,
  groupedQueryAttention,
  multiHeadAttention,
  projectedAttention,
  rotaryEmbedding,
  skipLayerNorm,
  skipRmsNorm,
} from '../../onnx/fusedOperators.ts';
import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  cosine,
  range,
  reshape,
  sine,
  sizeOf,
  split,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import { asBlocks, biased, packedLinear } from '../../onnx/products.ts';
import { BLOCK } from './packedWeights.ts';
import { joinCaches, rotaryAngles } from './attention.ts';
import type { TransformerConfig } from './config.ts';
import type { Attention, Kernels, LayerCache, Place } from './network.ts';

/** Where the tokens of one sequence stand, and at which position the first of them does (int64 [1]). */
function standingOf(
  { count, like, past }: Place,
  { headDim }: TransformerConfig,
): Standing & { first: Value } {
  const { graph } = like;
  const before = past?.layers[0].keys;
  const own = typeof count === 'number' ? graph.constant('int64', [count], []) : sizeOf(like, 1);
  const total = before ? add(sizeOf(before, 2), own) : own;
  const keys = before ? addDims(before.shape[2], count) : count;
  const angles = rotaryAngles(reshape(range(total, keys), [keys, 1]), headDim);
  const type = graph.products ?? 'float32';
  return {
    last: cast(reshape(subtract(total, 1), [1]), 'int32'),
    total: cast(total, 'int32'),
    cosines: cast(cosine(angles), type),
    sines: cast(sine(angles), type),
    first: before ? reshape(sizeOf(before, 2), [1]) : graph.constant('int64', [0]),
  };
}

/** Attention by ONNX Runtime's grouped-query operator, for one sequence, all of whose keys count. */
function fusedAttention(place: Place, config: TransformerConfig): Attention {
  const { batch, count } = place;
  const { kvHeads, headDim } = config;
  const standing = standingOf(place, config);
  const type = standing.cosines.type;

  const headsFirst = (x: Value) => {
    const apart = [batch, count, kvHeads, headDim];
    if (kvHeads === 1) return reshape(x, [batch, 1, count, headDim], place.like);
    return transpose(reshape(x, apart, place.like), [0, 2, 1, 3]);
  };
  return {
    attend(project, past) {
      const stacked = cast(project('all'), type);
      const { attended, ...cache } = groupedQueryAttention(stacked, past, standing, config);
      return { attended: cast(attended, 'float32'), cache };
    },
    remember(project, past) {
      const width = kvHeads * headDim;
      const [keys, values] = split(cast(project('cache'), type), 2, [width, width]);
      const turned = rotaryEmbedding(keys, standing.first, standing);
      const own: LayerCache = { keys: headsFirst(turned), values: headsFirst(values) };
      return past ? joinCaches(past, own) : own;
    },
  };
}

/** Heads whose size is a multiple of this can be fused. */
export const FUSED_HEADS = 16;

/** ONNX Runtime's fused operators; tokens are [batch, count, width], of one sample. */
export const FUSED: Kernels = {
  layOut: (x, { batch, count, like }) => reshape(x, [batch, count, x.shape.at(-1)!], like),
  linear: (x, weight, bias) => biased(fusedLinear(x, weight), bias),
  // GPUs multiply no whole numbers.
  packedLinear: (x, weight, bias) =>
    packedLinear(x, 'integers' in weight ? asBlocks(weight, BLOCK) : weight, bias),
  block: (product, bias) => ({ value: product(), bias }),
  gelu: (product, bias) => biasedGelu(product(), bias),
  rmsNormOfSum: skipRmsNorm,
  layerNormOfSum: (x, { value, bias: offset }, scale, bias, epsilon) =>
    skipLayerNorm(x, value, { scale, bias, offset }, epsilon),
  attention: fusedAttention,
  imageAttention: (x, projections, heads) =>
    projectedAttention(
      x,
      projections.map(({ weight }) => weight),
      projections.map(({ bias }) => bias),
      heads,
    ),
  mix: multiHeadAttention,
};
