import { type Dim, type Shape, addDims, elementCount, sameShape } from './dim.ts';
import { FLOATS } from './elementType.ts';
import type { Node, Value } from './graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  divide,
  equal,
  expandLike,
  gemm,
  greater,
  hyperbolicTangent,
  less,
  matmul,
  multiply,
  negate,
  pad,
  power,
  reduceMean,
  reduceSum,
  reshapeLike,
  scatterRows,
  sine,
  slicePart,
  squareRoot,
  subtract,
  transpose,
  where,
} from './operators.ts';

/** Gradient of one input, built only if somebody needs it. */
type InputGradient = (() => Value) | undefined;

/**
 * How a node's output gradient flows to its inputs: one entry an input, none where it has no gradient
 * (indices, shapes, conditions). `dy` is that of the first output, `all` of every output.
 */
type Rule = (node: Node, dy: Value, all: readonly (Value | undefined)[]) => InputGradient[];

const input = (node: Node, i: number): Value => {
  const value = node.inputs[i];
  if (!value) throw new Error(`${node.name}: input ${i} is missing`);
  return value;
};

const intOf = (node: Node, name: string): number => {
  const attribute = node.attributes[name];
  return attribute && 'int' in attribute ? attribute.int : 0;
};

const zerosLike = (value: Value) => expandLike(value.graph.constant(value.type, [0], []), value);

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

/** An operator of two broadcast inputs, by its partial derivatives times the output's gradient. */
function pairRule(...partials: ((dy: Value, a: Value, b: Value, y: Value) => Value)[]): Rule {
  return (node, dy) => {
    const [a, b] = [input(node, 0), input(node, 1)];
    return partials.map(
      (partial, i) => () => unbroadcast(partial(dy, a, b, node.outputs[0]), input(node, i)),
    );
  };
}

/** An operator of one input, by its derivative from the input and the output. */
function slopeRule(slope: (x: Value, y: Value) => Value): Rule {
  return (node, dy) => [() => multiply(dy, slope(input(node, 0), node.outputs[0]))];
}

/** Derivative of the tanh form of GELU. */
function geluTanhSlope(x: Value): Value {
  const scale = Math.sqrt(2 / Math.PI);
  const cubic = 0.044715;
  const square = multiply(x, x);
  const t = hyperbolicTangent(multiply(x, add(multiply(square, scale * cubic), scale)));
  const inner = add(multiply(square, 3 * scale * cubic), scale);
  const tails = multiply(multiply(x, inner), add(negate(multiply(t, t)), 1));
  return multiply(add(add(tails, t), 1), 0.5);
}

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
  const total = (parts: Dim[]) => parts.reduce(addDims, 0);
  return sizes.map(
    (size, i) => () =>
      slicePart(dy, axis, total(sizes.slice(0, i)), size, total(sizes.slice(i + 1))),
  );
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

const splitRule: Rule = (node, _dy, all) => [
  () => {
    const parts = node.outputs.map((output, i) => all[i] ?? zerosLike(output));
    return concat(parts, intOf(node, 'axis'));
  },
];

/** Puts back reduced axes as ones, so that a gradient broadcasts over its input. */
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

const layerNormRule: Rule = (node, dy) => {
  const [x, scale, bias] = [0, 1, 2].map((i) => input(node, i));
  const attribute = node.attributes.epsilon;
  const epsilon = 'float' in attribute ? attribute.float : 0;
  const centred = subtract(x, reduceMean(x, [-1]));
  const deviation = squareRoot(add(reduceMean(multiply(centred, centred), [-1]), epsilon));
  const normal = divide(centred, deviation);
  return [
    () => {
      const g = multiply(dy, scale);
      const along = multiply(normal, reduceMean(multiply(g, normal), [-1]));
      return divide(subtract(subtract(g, reduceMean(g, [-1])), along), deviation);
    },
    () => unbroadcast(multiply(dy, normal), scale),
    () => unbroadcast(dy, bias),
  ];
};

const mask = (condition: Value, gradient: Value) =>
  multiply(gradient, cast(condition, gradient.type));

const RULES: Record<string, Rule> = {
  Identity: (_, dy) => [() => dy],
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
  Sin: slopeRule((x) => cosine(x)),
  Cos: slopeRule((x) => negate(sine(x))),
  Sigmoid: slopeRule((_x, y) => subtract(y, multiply(y, y))),
  Tanh: slopeRule((_x, y) => add(negate(multiply(y, y)), 1)),
  Gelu: slopeRule(geluTanhSlope),
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
  MatMul: (node, dy) => {
    const [a, b] = [input(node, 0), input(node, 1)];
    return [
      () => unbroadcast(matmul(dy, swapLast(b)), a),
      () => unbroadcast(matmul(swapLast(a), dy), b),
    ];
  },
  Gemm: gemmRule,
  Reshape: (node, dy) => [() => reshapeLike(dy, input(node, 0))],
  Transpose: (node, dy) => [
    () => {
      const { perm } = node.attributes;
      const order = 'ints' in perm ? perm.ints : [];
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
  LayerNormalization: layerNormRule,
};

/** Values that depend on any of `sources` through floating-point operations. */
function dependents(nodes: readonly Node[], sources: readonly Value[]): Set<Value> {
  const found = new Set<Value>(sources);
  for (const node of nodes) {
    if (!node.inputs.some((value) => value && found.has(value))) continue;
    for (const output of node.outputs) if (FLOATS.includes(output.type)) found.add(output);
  }
  return found;
}

/**
 * Gradients of a scalar `loss` by each of `sources`, as values of the same graph (reverse mode). Only
 * what lies between the two is built; forward values are used, not computed again. A source that the
 * loss does not depend on has a gradient of zeros. Throws for an operator that has no rule.
 */
export function gradients(loss: Value, sources: readonly Value[]): Value[] {
  const { graph } = loss;
  if (!sameShape(loss.shape, [] as Shape) && elementCount(loss.shape) !== 1) {
    graph.fail('gradients', `the loss must be one number, not [${loss.shape.join(', ')}]`);
  }
  const forward = [...graph.nodes];
  const relevant = dependents(forward, sources);
  const collected = new Map<Value, Value[]>([
    [loss, [expandLike(graph.constant(loss.type, [1], []), loss)]],
  ]);
  const total = new Map<Value, Value>();
  const gradientOf = (value: Value): Value | undefined => {
    const known = total.get(value);
    const parts = collected.get(value);
    if (known || !parts) return known;
    const sum = parts.reduce((a, b) => add(a, b));
    total.set(value, sum);
    return sum;
  };

  for (const node of forward.reverse()) {
    if (!node.outputs.some((output) => relevant.has(output) && collected.has(output))) continue;
    graph.scope(`gradient/${node.name}`, () => {
      const outputs = node.outputs.map(gradientOf);
      const rule = RULES[node.op];
      if (!rule) graph.fail(node.op, 'this operator has no gradient');
      rule(node, outputs[0] ?? zerosLike(node.outputs[0]), outputs).forEach((build, i) => {
        const value = node.inputs[i];
        if (!build || !value || !relevant.has(value)) return;
        const parts = collected.get(value) ?? [];
        collected.set(value, [...parts, build()]);
      });
    });
  }
  return sources.map((source) => gradientOf(source) ?? zerosLike(source));
}
