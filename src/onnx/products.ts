import { type Dim, broadcastShapes, elementCount, formatShape, sameShape } from './dim.ts';
import type { ElementType } from '../tensors/elementType.ts';
import { type Value, innermostGraph } from './graph.ts';
import {
  absolute,
  add,
  cast,
  describe,
  divide,
  expand,
  maximum,
  multiply,
  pad,
  reduceMax,
  reduceSum,
  requireFloat,
  reshape,
  transpose,
} from './operators.ts';

/** Matrix product of the last two axes, the others broadcast (numpy.matmul, rank 2 or more). */
export function matmul(a: Value, b: Value): Value {
  const graph = innermostGraph([a, b]);
  requireFloat('MatMul', a, b);
  const fail = (why: string) => graph.fail('MatMul', `${why}: ${describe(a)} × ${describe(b)}`);
  if (a.shape.length < 2 || b.shape.length < 2) fail('needs two matrices');
  if (a.type !== b.type) fail('element types differ');
  const [rows, inner] = a.shape.slice(-2);
  const [innerRight, columns] = b.shape.slice(-2);
  if (inner !== innerRight) fail(`inner dimensions ${inner} and ${innerRight} differ`);
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!batch) return fail('leading dimensions do not broadcast');
  return graph.node('MatMul', [a, b], [{ type: a.type, shape: [...batch, rows, columns] }])[0];
}

/** `a·b + c` of matrices, with `a` or `b` optionally transposed (Gemm). */
export function gemm(
  a: Value,
  b: Value,
  c: Value | undefined,
  { transA = false, transB = false } = {},
): Value {
  const graph = innermostGraph([a, b, c]);
  const fail = (why: string) => graph.fail('Gemm', `${why}: ${describe(a)} × ${describe(b)}`);
  requireFloat('Gemm', a, b);
  if (a.shape.length !== 2 || b.shape.length !== 2) fail('needs two matrices');
  if (a.type !== b.type || (c && c.type !== a.type)) fail('element types differ');
  const [rows, inner] = transA ? [a.shape[1], a.shape[0]] : a.shape;
  const [innerRight, columns] = transB ? [b.shape[1], b.shape[0]] : b.shape;
  if (inner !== innerRight) fail(`inner dimensions ${inner} and ${innerRight} differ`);
  const shape = [rows, columns];
  if (c && !sameShape(broadcastShapes(c.shape, shape) ?? [], shape)) {
    fail(`${describe(c)} does not broadcast to ${formatShape(shape)}`);
  }
  const inputs = c ? [a, b, c] : [a, b];
  return graph.node('Gemm', inputs, [{ type: a.type, shape }], {
    transA: { int: Number(transA) },
    transB: { int: Number(transB) },
  })[0];
}

/**
 * Applies a function of matrices to the last axis of `x`, flattening the others; the last axis then has `out`
 * columns.
 */
function onRows(x: Value, out: Dim, body: (rows: Value) => Value): Value {
  if (x.shape.length === 2) return body(x);
  const rows = elementCount(x.shape.slice(0, -1));
  const y = body(reshape(x, [rows, x.shape.at(-1) ?? 1]));
  return reshape(y, [...x.shape.slice(0, -1), out], x);
}

/** Adds an optional bias, cast to the type of the product. */
export const biased = (y: Value, bias: Value | undefined): Value =>
  bias ? add(y, cast(bias, y.type)) : y;

/** `x·Wᵀ + b` over the last axis, with W [out, in] as PyTorch stores it; the result has x's type. */
export const linear = (x: Value, weight: Value, bias?: Value): Value =>
  linearIn(innermostGraph([x, weight]).products ?? x.type, x, weight, bias);

/** As `linear`, with the product computed in another element type. */
export function linearIn(products: ElementType, x: Value, weight: Value, bias?: Value): Value {
  const graph = innermostGraph([x, weight]);
  const features = x.shape.at(-1) ?? 1;
  if (features !== weight.shape[1]) {
    graph.fail('linear', `${describe(x)} does not fit weights ${describe(weight)} [out, in]`);
  }
  const factor = cast(weight, products);
  return onRows(x, weight.shape[0], (rows) => {
    if (x.type === products)
      return gemm(rows, factor, bias && cast(bias, products), { transB: true });
    const y = gemm(cast(rows, products), factor, undefined, { transB: true });
    return biased(cast(y, x.type), bias);
  });
}

/** Matrix product of the last two axes in the graph's product type; the result has a's type. */
export function product(a: Value, b: Value): Value {
  const { products = a.type } = innermostGraph([a, b]);
  return cast(matmul(cast(a, products), cast(b, products)), a.type);
}

/** A quantised matrix [out, in], in blocks of `block` elements along each row. */
export interface BlockMatrix {
  shape: readonly [number, number];
  bits: 4 | 8;
  block: number;
  /** uint8 [out, blocks, block·bits / 8]: elements with a zero point of 2^(bits − 1). */
  elements: Value;
  /** [out, blocks]: the scale of each block. */
  scales: Value;
}

/** A matrix [out, in] as whole numbers, each row with a scale. */
export interface IntegerMatrix {
  shape: readonly [number, number];
  /** int8 [in, out], from −127 to 127; or uint8, with a zero point of 128. */
  integers: Value;
  /** [out]: the scale of each row. */
  scales: Value;
}

export type PackedMatrix = BlockMatrix | IntegerMatrix;

/** `x·Wᵀ + b` with a quantised W. */
export const packedLinear = (x: Value, weight: PackedMatrix, bias?: Value): Value => {
  const [out, features] = weight.shape;
  if (x.shape.at(-1) !== features)
    innermostGraph([x]).fail('packed', `${describe(x)} does not fit weights [${out}, ${features}]`);
  return biased('integers' in weight ? integerProduct(x, weight) : blockProduct(x, weight), bias);
};

/** By ONNX Runtime's MatMulNBits. */
function blockProduct(x: Value, { shape, bits, block, elements, scales }: BlockMatrix): Value {
  const graph = innermostGraph([x]);
  const [out, features] = shape;
  const { products = x.type } = graph;
  const attributes = {
    K: { int: features },
    N: { int: out },
    bits: { int: bits },
    block_size: { int: block },
  };
  const inputs = [cast(x, products), elements, cast(scales, products)];
  const result = [{ type: products, shape: [...x.shape.slice(0, -1), out] }];
  const [y] = graph.node('com.microsoft:MatMulNBits', inputs, result, attributes);
  return cast(y, x.type);
}

/** Less than any row's largest element that counts: keeps a row of zeros from a division by zero. */
const TINY = 1e-30;

const ZERO_POINT = 128;

/** An integer matrix by unsigned bytes, for a processor whose products with signed ones saturate. */
export const asUnsigned = (weight: IntegerMatrix): IntegerMatrix => ({
  ...weight,
  integers: cast(add(cast(weight.integers, 'float32'), ZERO_POINT), 'uint8'),
});

/**
 * In whole numbers: each row of x is divided by its largest element, so that one scale serves all rows, and
 * multiplied by it again. A NaN has no whole number: its row's largest element is NaN too, and so is the product.
 */
function integerProduct(x: Value, { shape, integers, scales }: IntegerMatrix): Value {
  const graph = innermostGraph([x]);
  // ONNX Runtime's ReduceMax passes over a NaN that is not the first element; no sum does.
  const nothing = multiply(reduceSum(x, [-1]), 0);
  const largest = add(maximum(reduceMax(absolute(x), [-1]), TINY), nothing);
  const zeroPoint = integers.type === 'uint8' ? [graph.constant('uint8', [ZERO_POINT], [])] : [];
  const inputs = [divide(x, largest), integers, scales, ...zeroPoint];
  const result = [{ type: x.type, shape: [...x.shape.slice(0, -1), shape[0]] }];
  const [y] = graph.node('com.microsoft:DynamicQuantizeMatMul', inputs, result);
  return multiply(y, largest);
}

/** An integer matrix in blocks, for a provider that multiplies no whole numbers. */
export function asBlocks(weight: IntegerMatrix, block: number): BlockMatrix {
  const { shape, scales } = weight;
  const { integers } = weight.integers.type === 'uint8' ? weight : asUnsigned(weight);
  const [out, features] = shape;
  const blocks = Math.ceil(features / block);
  const levels = cast(transpose(integers, [1, 0]), 'float32');
  const whole = pad(levels, 1, 0, blocks * block - features, ZERO_POINT);
  return {
    ...{ shape, block, bits: 8 },
    elements: cast(reshape(whole, [out, blocks, block]), 'uint8'),
    scales: expand(reshape(scales, [out, 1]), [1, blocks]),
  };
}
