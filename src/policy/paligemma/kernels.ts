import { add, geluTanh, layerNorm, rmsNorm } from '../../onnx/operators.ts';
import { linear, packedLinear } from '../../onnx/products.ts';
import { plainAttention, plainMix } from './attention.ts';
import { FUSED, FUSED_HEADS } from './fusedKernels.ts';
import type { PaliGemmaConfig } from './config.ts';
import type { Kernels, Weights, WeightSource } from './network.ts';

/** Standard operators; tokens are [batch·count, width]. */
export const PLAIN: Kernels = {
  layOut: (x) => x,
  linear,
  packedLinear,
  block: (product, bias) => ({ value: product(bias) }),
  gelu: (product, bias) => geluTanh(product(bias)),
  rmsNormOfSum(x, y, scale, epsilon) {
    const sum = add(x, y);
    return { sum, normed: rmsNorm(sum, scale, epsilon) };
  },
  layerNormOfSum(x, { value }, scale, bias, epsilon) {
    const sum = add(x, value);
    return { sum, normed: layerNorm(sum, scale, bias, epsilon) };
  },
  attention: plainAttention,
  imageAttention: (x, projections, heads) =>
    plainMix(
      projections.map(({ weight, bias }) => linear(x, weight, bias)),
      heads,
    ),
  mix: plainMix,
};

export const kernelsOf = ({ kernels = PLAIN }: Weights): Kernels => kernels;

/** Weights whose layers are computed by ONNX Runtime's fused operators, if these take heads of this size. */
export const fusedLayers =
  (source: WeightSource, { language }: Pick<PaliGemmaConfig, 'language'>): WeightSource =>
  (graph) =>
    Object.assign(source(graph), language.headDim % FUSED_HEADS === 0 && { kernels: FUSED });
