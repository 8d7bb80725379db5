import { type Dim, addDims, elementCount } from './dim.ts';
import type { Node, Value } from './graph.ts';
import { convolveImagesGradient, convolveKernelGradient } from './imageOperators.ts';
import {
  add,
  cast,
  concat,
  cosine,
  divide,
  equal,
  errorFunction,
  expandLike,
  exponential,
  greater,
  less,
  multiply,
  negate,
  pad,
  power,
  reciprocal,
  reduceMean,
  reduceSum,
  reshape,
  reshapeLike,
  scatterRows,
  sigmoid,
  sine,
  slicePart,
  split,
  squareRoot,
  subtract,
  transpose,
  where,
} from './operators.ts';
import { gemm, matmul } from './products.ts';

/** Builds the gradient of one input; called only if that gradient is needed. */
type InputGradient = (() => Value) | undefined;

/**
 * Maps the gradient of a node's output to gradients of its inputs: one entry per input, undefined for inputs
 * without a gradient (indices, shapes, conditions). `dy` is the gradient of the first output, `all` those of
 * every output; `relevant` are the values whose gradients are needed.
 */
type Rule = (
  node: Node,
  dy: Value,
  all: readonly Value[],
  relevant: ReadonlySet<Value>,
) => InputGradient[];

const input = (node: Node, i: number): Value => {
  const value = node.inputs[i];
  if (!value) throw new Error(`${node.name}: input ${i} is missing`);
  return value;
};

const intOf = (node: Node, name: string): number => {
  const attribute = node.attributes[name];
  return attribute && 'int' in attribute ? attribute.int : 0;
};

const intsOf = (node: Node, name: string): readonly number[] => {
  const attribute = node.attributes[name];
  return attribute && 'ints' in attribute ? attribute.ints : [];
};

export const zerosLike = (value: Value) =>
  expandLike(value.graph.constant(value.type, [0], []), value);

/** Sums a gradient over the axes along which `to` was broadcast. */
function unbroadcast(gradient: Value, to: Value): Value {
  const extra = gradient.shape.length - to.shape.length;
  const leading = Array.from({ length: extra }, (_, i) => i);
  const summed = extra > 0 ? reduceSum(gradient, leading, false) : gradient;
  const stretched = to.shape.flatMap((dim, i) => (dim === 1 && summed.shape[i] !== 1 ? [i] : []));
  return stretched.length > 0 ? reduceSum(summed, stretched) : summed;
}

function swapLast(x: Value): Value {
  const order = x.shape.map((_, i) => i);
  const last = order.length - 1;
  [order[last], order[last - 1]] = [order[last - 1], order[last]];
  return transpose(x, order);
}

/**
 * Rule of an operator with two broadcast inputs, from its partial derivatives times the output's gradient.
 */
function pairRule(...partials: ((dy: Value, a: Value, b: Value, y: Value) => Value)[]): Rule {
  return (node, dy) => {
    const [a, b] = [input(node, 0), input(node, 1)];
    return partials.map(
      (partial, i) => () => unbroadcast(partial(dy, a, b, node.outputs[0]), input(node, i)),
    );
  };
}

/** Rule of an operator with one input, from its derivative as a function of input and output. */
function slopeRule(slope: (x: Value, y: Value) => Value): Rule {
  return (node, dy) => [() => multiply(dy, slope(input(node, 0), node.outputs[0]))];
}

/**
 * Derivative of the tanh form of GELU, y = x·s with s = sigmoid(x·(k + c·x²)): s + (y − y·s)·(k + 3c·x²).
 */
function geluTanhSlope(x: Value, y: Value): Value {
  const k = 2 * Math.sqrt(2 / Math.PI);
  const c = 0.044715 * k;
  const square = multiply(x, x);
  const s = sigmoid(multiply(x, add(multiply(square, c), k)));
  return add(multiply(subtract(y, multiply(y, s)), add(multiply(square, 3 * c), k)), s);
}

/** Derivative of GELU, x·Φ(x) with the normal distribution's Φ: Φ + x·φ. */
function geluSlope(x: Value): Value {
  const share = multiply(add(errorFunction(multiply(x, Math.SQRT1_2)), 1), 0.5);
  const density = multiply(exponential(multiply(multiply(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return add(share, multiply(x, density));
}

const geluRule: Rule = (node, ...rest) =>
  slopeRule('approximate' in node.attributes ? geluTanhSlope : geluSlope)(node, ...rest);

const gemmRule: Rule = (node, dy) => {
  const [a, b] = [input(node, 0), input(node, 1)];
  const [transA, transB] = ['transA', 'transB'].map((name) => intOf(node, name) === 1);
  const bias = node.inputs[2];
  return [
    () =>
      transA
        ? gemm(b, dy, undefined, { transA: transB, transB: true })
        : gemm(dy, b, undefined, { transB: !transB }),
    () =>
      transB
        ? gemm(dy, a, undefined, { transA: true, transB: transA })
        : gemm(a, dy, undefined, { transA: !transA }),
    bias && (() => unbroadcast(dy, bias)),
  ];
};

const concatRule: Rule = (node, dy) => {
  const axis = intOf(node, 'axis');
  const sizes = node.inputs.map((_, i) => input(node, i).shape[axis]);
  if (sizes.every((size) => typeof size === 'number')) {
    let parts: Value[] | undefined;
    return sizes.map((_, i) => () => (parts ??= split(dy, axis, sizes))[i]);
  }
  const total = (parts: Dim[]) => parts.reduce(addDims, 0);
  return sizes.map(
    (size, i) => () =>
      slicePart(dy, axis, total(sizes.slice(0, i)), size, total(sizes.slice(i + 1))),
  );
};

/** Number of leading elements along an axis whose gradient is not needed, such as a cache's. */
function irrelevantHead(value: Value, axis: number, relevant: ReadonlySet<Value>): number {
  const size = value.shape[axis];
  if (typeof size === 'string') return 0;
  if (!relevant.has(value)) return size;
  const { producer } = value;
  if (producer?.op === 'Transpose') {
    return irrelevantHead(input(producer, 0), intsOf(producer, 'perm')[axis], relevant);
  }
  if (producer?.op !== 'Concat' || intOf(producer, 'axis') !== axis) return 0;
  let head = 0;
  for (const [i] of producer.inputs.entries()) {
    const part = input(producer, i);
    head += irrelevantHead(part, axis, relevant);
    if (relevant.has(part)) break;
  }
  return head;
}

/** Elements from `head` on along an axis. */
function tail(x: Value, axis: number, head: number): Value {
  return head === 0 ? x : slicePart(x, axis, head, (x.shape.at(axis) as number) - head, 0);
}

const matmulRule: Rule = (node, dy, _all, relevant) => {
  const [a, b] = [input(node, 0), input(node, 1)];
  return [
    () => unbroadcast(matmul(dy, swapLast(b)), a),
    () => {
      const [rows, columns] = [-2, -1].map((axis) =>
        irrelevantHead(b, b.shape.length + axis, relevant),
      );
      const product = matmul(swapLast(tail(a, -1, rows)), tail(dy, -1, columns));
      const padded = [rows, columns].reduce(
        (whole, head, i) => (head === 0 ? whole : pad(whole, i - 2, head, 0, 0)),
        product,
      );
      return unbroadcast(padded, b);
    },
  ];
};

const constantInts = (value: Value): number[] =>
  'data' in value && value.data instanceof BigInt64Array ? Array.from(value.data, Number) : [];

const sliceRule: Rule = (node, dy) => [
  () => {
    const x = input(node, 0);
    const [from, to, axis] = [1, 2, 3].map((i) => constantInts(input(node, i))[0]);
    const size = x.shape[axis];
    if (typeof size === 'string' || from < 0) {
      throw new Error(`${node.name}: Slice has no gradient along an axis of symbolic size`);
    }
    return pad(dy, axis, from, size - to, 0);
  },
];

const padRule: Rule = (node, dy) => [
  () => {
    const pads = constantInts(input(node, 1));
    const rank = pads.length / 2;
    const x = input(node, 0);
    return x.shape.reduce((gradient: Value, size, axis) => {
      if (pads[axis] === 0 && pads[rank + axis] === 0) return gradient;
      return slicePart(gradient, axis, pads[axis], size, pads[rank + axis]);
    }, dy);
  },
];

const splitRule: Rule = (node, _dy, all) => [() => concat(all, intOf(node, 'axis'))];

/** Restores reduced axes with size 1, so that a gradient broadcasts over its input. */
function keepReduced(node: Node, dy: Value): Value {
  if (intOf(node, 'keepdims') === 1) return dy;
  const axes = constantInts(input(node, 1));
  const shape = input(node, 0).shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  const graph = dy.graph;
  const axesValue = graph.constant('int64', axes);
  return graph.node('Unsqueeze', [dy, axesValue], [{ type: dy.type, shape }])[0];
}

function reducedCount(node: Node): number {
  const { shape } = input(node, 0);
  const count = elementCount(constantInts(input(node, 1)).map((axis) => shape[axis]));
  if (typeof count === 'string') {
    throw new Error(`${node.name}: ReduceMean has no gradient over an axis of symbolic size`);
  }
  return count;
}

/** Rule of a norm over the last axis; `broadcast` gives scale and bias the rank that they have against it. */
const normRule =
  (broadcast: (vector: Value) => Value): Rule =>
  (node, dy) => {
    const [x, scale, bias] = [0, 1, 2].map((i) => input(node, i));
    const attribute = node.attributes.epsilon;
    const epsilon = 'float' in attribute ? attribute.float : 0;
    const centred = subtract(x, reduceMean(x, [-1]));
    const deviation = squareRoot(add(reduceMean(multiply(centred, centred), [-1]), epsilon));
    const normal = divide(centred, deviation);
    const summed = (gradient: Value, vector: Value) => {
      const against = broadcast(vector);
      const sum = unbroadcast(gradient, against);
      return against === vector ? sum : reshapeLike(sum, vector);
    };
    return [
      () => {
        const g = multiply(dy, broadcast(scale));
        const along = multiply(normal, reduceMean(multiply(g, normal), [-1]));
        return divide(subtract(subtract(g, reduceMean(g, [-1])), along), deviation);
      },
      () => summed(multiply(dy, normal), scale),
      () => summed(dy, bias),
    ];
  };

const convRule: Rule = (node, dy) => {
  const [images, kernel, bias] = [0, 1, 2].map((i) => input(node, i));
  const [stride, padding] = ['strides', 'pads'].map((name) => intsOf(node, name)[0]);
  return [
    () => convolveImagesGradient(dy, images, kernel, { stride, padding }),
    () => convolveKernelGradient(dy, images, kernel, { stride, padding }),
    () => reshapeLike(reduceSum(dy, [0, 2, 3]), bias),
  ];
};

const mask = (condition: Value, gradient: Value) =>
  multiply(gradient, cast(condition, gradient.type));

/** The rule of each operator that has one. */
export const GRADIENT_RULES: Record<string, Rule> = {
  Identity: () => [undefined],
  Add: pairRule(
    (dy) => dy,
    (dy) => dy,
  ),
  Sub: pairRule((dy) => dy, negate),
  Mul: pairRule(
    (dy, _a, b) => multiply(dy, b),
    (dy, a) => multiply(dy, a),
  ),
  Div: pairRule(
    (dy, _a, b) => divide(dy, b),
    (dy, _a, b, y) => negate(divide(multiply(dy, y), b)),
  ),
  Min: pairRule(
    (dy, a, _b, y) => mask(equal(a, y), dy),
    (dy, a, b) => mask(less(b, a), dy),
  ),
  Max: pairRule(
    (dy, a, _b, y) => mask(equal(a, y), dy),
    (dy, a, b) => mask(greater(b, a), dy),
  ),
  Pow: pairRule((dy, a, b) => {
    const exponent = 'data' in b && b.data instanceof Float32Array ? b.data[0] : undefined;
    if (exponent === 2) return multiply(dy, multiply(a, 2));
    return multiply(dy, multiply(power(a, subtract(b, 1)), b));
  }),
  Neg: (_, dy) => [() => negate(dy)],
  Sqrt: slopeRule((_x, y) => divide(y.graph.constant(y.type, [0.5], []), y)),
  Reciprocal: slopeRule((_x, y) => negate(multiply(y, y))),
  Exp: slopeRule((_x, y) => y),
  Log: slopeRule((x) => reciprocal(x)),
  Sin: slopeRule((x) => cosine(x)),
  Cos: slopeRule((x) => negate(sine(x))),
  Relu: (node, dy) => [() => mask(greater(node.outputs[0], 0), dy)],
  Sigmoid: slopeRule((_x, y) => subtract(y, multiply(y, y))),
  Gelu: geluRule,
  Cast: (node, dy) => [() => cast(dy, input(node, 0).type)],
  Where: (node, dy) => {
    const [condition, a, b] = [0, 1, 2].map((i) => input(node, i));
    const zero = dy.graph.constant(dy.type, [0], []);
    return [
      undefined,
      () => unbroadcast(where(condition, dy, zero), a),
      () => unbroadcast(where(condition, zero, dy), b),
    ];
  },
  MatMul: matmulRule,
  Gemm: gemmRule,
  Reshape: (node, dy) => [() => reshapeLike(dy, input(node, 0))],
  Transpose: (node, dy) => [
    () => {
      const order = intsOf(node, 'perm');
      return transpose(
        dy,
        order.map((_, axis) => order.indexOf(axis)),
      );
    },
  ],
  Concat: concatRule,
  Slice: sliceRule,
  Split: splitRule,
  Pad: padRule,
  Expand: (node, dy) => [() => unbroadcast(dy, input(node, 0))],
  Gather: (node, dy) => [() => scatterRows(input(node, 0), input(node, 1), dy)],
  ReduceSum: (node, dy) => [() => expandLike(keepReduced(node, dy), input(node, 0))],
  ReduceMean: (node, dy) => [
    () => expandLike(multiply(keepReduced(node, dy), 1 / reducedCount(node)), input(node, 0)),
  ],
  Softmax: (node, dy) => [
    () => {
      const [y] = node.outputs;
      return multiply(y, subtract(dy, reduceSum(multiply(dy, y), [-1])));
    },
  ],
  LayerNormalization: normRule((vector) => vector),
  /** Of [n, channels, elements], as `groupNorm` builds it. */
  InstanceNormalization: normRule((vector) => reshape(vector, [vector.shape[0], 1])),
  Conv: convRule,
};
