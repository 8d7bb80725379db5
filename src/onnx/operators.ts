import {
  type Dim,
  type Shape,
  addDims,
  broadcastShapes,
  elementCount,
  formatShape,
  multiplyDims,
  sameShape,
} from './dim.ts';
import { ELEMENT_CODES, type ElementType, FLOATS } from '../tensors/elementType.ts';
import { Graph, type Value, innermostGraph } from './graph.ts';

/** A value's type and shape, for errors. */
export const describe = (value: Value) => `${value.type}${formatShape(value.shape)}`;

function axisOf(value: Value, axis: number, op: string): number {
  const rank = value.shape.length;
  const index = axis < 0 ? rank + axis : axis;
  if (index < 0 || index >= rank) {
    innermostGraph([value]).fail(op, `has no axis ${axis}: ${describe(value)}`);
  }
  return index;
}

function withDim(shape: Shape, axis: number, dim: Dim): Dim[] {
  return shape.map((old, i) => (i === axis ? dim : old));
}

/** Fails unless all values have floating-point types. */
export function requireFloat(op: string, ...values: Value[]): void {
  const wrong = values.find((value) => !FLOATS.includes(value.type));
  if (wrong)
    innermostGraph(values).fail(op, `needs a floating-point input, not ${describe(wrong)}`);
}

// --- element by element -----------------------------------------------------------------------

function binary(op: string, resultType?: ElementType) {
  return (a: Value, b: Value | number): Value => {
    const graph = typeof b === 'number' ? a.graph : innermostGraph([a, b]);
    const right = typeof b === 'number' ? graph.constant(a.type, [b], []) : b;
    if (a.type !== right.type) {
      graph.fail(op, `element types differ: ${describe(a)} and ${describe(right)}`);
    }
    const shape = broadcastShapes(a.shape, right.shape);
    if (!shape)
      return graph.fail(op, `shapes do not broadcast: ${describe(a)} and ${describe(right)}`);
    return graph.node(op, [a, right], [{ type: resultType ?? a.type, shape }])[0];
  };
}

export const add = binary('Add');
export const subtract = binary('Sub');
export const multiply = binary('Mul');
export const divide = binary('Div');
export const power = binary('Pow');
export const minimum = binary('Min');
export const maximum = binary('Max');
export const equal = binary('Equal', 'bool');
export const greater = binary('Greater', 'bool');
export const less = binary('Less', 'bool');
/** Of bools. */
export const and = binary('And');

function unary(op: string, attributes: Parameters<Graph['node']>[3] = {}) {
  return (x: Value): Value => {
    requireFloat(op, x);
    return x.graph.node(op, [x], [{ type: x.type, shape: x.shape }], attributes)[0];
  };
}

export const negate = unary('Neg');
export const squareRoot = unary('Sqrt');
export const reciprocal = unary('Reciprocal');
export const exponential = unary('Exp');
export const logarithm = unary('Log');
export const absolute = unary('Abs');
export const sine = unary('Sin');
export const cosine = unary('Cos');
export const sigmoid = unary('Sigmoid');
export const relu = unary('Relu');
export const errorFunction = unary('Erf');
/** Gaussian error linear unit. */
export const gelu = unary('Gelu');
/** The same in its tanh form. */
export const geluTanh = unary('Gelu', { approximate: { string: 'tanh' } });

/** `x` unchanged, with no gradient flowing through it (stop-gradient). */
export function detach(x: Value): Value {
  return x.graph.node('Identity', [x], [{ type: x.type, shape: x.shape }])[0];
}

/** Sigmoid linear unit. */
export function silu(x: Value): Value {
  return multiply(x, sigmoid(x));
}

export function cast(x: Value, type: ElementType): Value {
  if (x.type === type) return x;
  const to = { int: ELEMENT_CODES[type] };
  return x.graph.node('Cast', [x], [{ type, shape: x.shape }], { to })[0];
}

/** `condition ? a : b`, broadcast. */
export function where(condition: Value, a: Value, b: Value): Value {
  const graph = innermostGraph([condition, a, b]);
  if (condition.type !== 'bool' || a.type !== b.type) {
    graph.fail('Where', `takes bool, T, T: ${[condition, a, b].map(describe).join(', ')}`);
  }
  const branches = broadcastShapes(a.shape, b.shape);
  const shape = branches && broadcastShapes(condition.shape, branches);
  if (!shape) {
    return graph.fail(
      'Where',
      `shapes do not broadcast: ${[condition, a, b].map(describe).join(', ')}`,
    );
  }
  return graph.node('Where', [condition, a, b], [{ type: a.type, shape }])[0];
}

// --- shape ------------------------------------------------------------------------------------

/**
 * Reshapes `x`. At most one dimension is inferred. If more are symbolic, those at the same position as in `x`
 * are copied; otherwise the shape is read at run time from the leading dimensions of `like`.
 */
export function reshape(x: Value, shape: Shape, like?: Value): Value {
  const graph = innermostGraph([x, like]);
  if (elementCount(x.shape) !== elementCount(shape)) {
    graph.fail('Reshape', `${describe(x)} has not the elements of ${formatShape(shape)}`);
  }
  if (sameShape(x.shape, shape)) return x;
  const copied = shape.map((dim, i) => typeof dim === 'string' && x.shape[i] === dim);
  const symbolic = shape.flatMap((dim, i) => (typeof dim === 'string' && !copied[i] ? [i] : []));
  const result = [{ type: x.type, shape }];
  if (symbolic.length <= 1) {
    const target = shape.map((dim, i) => (copied[i] ? 0 : typeof dim === 'string' ? -1 : dim));
    return graph.node('Reshape', [x, graph.constant('int64', target)], result)[0];
  }
  const common = like ? shape.findIndex((dim, i) => dim !== like.shape[i]) : 0;
  const leading = common === -1 ? shape.length - 1 : common;
  const rest = shape.slice(leading).map((dim) => (typeof dim === 'string' ? -1 : dim));
  if (!like || leading < 1 || rest.filter((size) => size === -1).length > 1) {
    graph.fail('Reshape', `cannot tell ${formatShape(shape)} from ${describe(x)} at run time`);
  }
  const head = graph.node('Shape', [like], [{ type: 'int64', shape: [leading] }], {
    end: { int: leading },
  })[0];
  const target = concat([head, graph.constant('int64', rest)], 0);
  return graph.node('Reshape', [x, target], result)[0];
}

/** Reshapes `x` to the shape of `like`, which may be symbolic. */
export function reshapeLike(x: Value, like: Value): Value {
  const graph = innermostGraph([x, like]);
  if (like.shape.filter((dim) => typeof dim === 'string').length <= 1)
    return reshape(x, like.shape);
  const target = graph.node('Shape', [like], [{ type: 'int64', shape: [like.shape.length] }])[0];
  return graph.node('Reshape', [x, target], [{ type: x.type, shape: like.shape }])[0];
}

/** Transposes: result axis i is `x`'s axis `order[i]`. */
export function transpose(x: Value, order: readonly number[]): Value {
  if (
    [...order].sort((a, b) => a - b).some((axis, i) => axis !== i) ||
    order.length !== x.shape.length
  ) {
    x.graph.fail('Transpose', `[${order.join(', ')}] is no order of the axes of ${describe(x)}`);
  }
  const shape = order.map((axis) => x.shape[axis]);
  return x.graph.node('Transpose', [x], [{ type: x.type, shape }], { perm: { ints: order } })[0];
}

export function concat(values: readonly Value[], axis: number): Value {
  const graph = innermostGraph(values);
  const [first] = values;
  const index = axisOf(first, axis, 'Concat');
  for (const value of values) {
    const fits = sameShape(withDim(value.shape, index, 0), withDim(first.shape, index, 0));
    if (value.type !== first.type || !fits) {
      graph.fail(
        'Concat',
        `${describe(value)} does not join ${describe(first)} along axis ${axis}`,
      );
    }
  }
  const total = values.map((value) => value.shape[index]).reduce(addDims);
  const shape = withDim(first.shape, index, total);
  return graph.node('Concat', values, [{ type: first.type, shape }], { axis: { int: index } })[0];
}

/** Elements `from` up to `to` along one axis of fixed size. */
export function slice(x: Value, axis: number, from: number, to: number): Value {
  const index = axisOf(x, axis, 'Slice');
  const size = x.shape[index];
  if (!(from >= 0 && from < to && (typeof size === 'string' || to <= size))) {
    x.graph.fail('Slice', `${from}…${to} is not within axis ${axis} of ${describe(x)}`);
  }
  const ints = (n: number) => x.graph.constant('int64', [n]);
  const shape = withDim(x.shape, index, to - from);
  return x.graph.node(
    'Slice',
    [x, ints(from), ints(to), ints(index)],
    [{ type: x.type, shape }],
  )[0];
}

/**
 * The middle `count` of `before + count + after` elements along one axis. Sizes may be symbolic if each end
 * of the slice has a fixed distance from one end of the axis.
 */
export function slicePart(x: Value, axis: number, before: Dim, count: Dim, after: Dim): Value {
  const index = axisOf(x, axis, 'Slice');
  const fromEnd = (distance: Dim) =>
    distance === 0 ? Number.MAX_SAFE_INTEGER : typeof distance === 'number' ? -distance : undefined;
  const fromStart = (distance: Dim) => (typeof distance === 'number' ? distance : undefined);
  const start = fromStart(before) ?? fromEnd(addDims(count, after));
  const end = fromEnd(after) ?? fromStart(addDims(before, count));
  if (start === undefined || end === undefined) {
    return x.graph.fail('Slice', `cannot tell where ${before}, ${count}, ${after} divide an axis`);
  }
  const ints = (n: number) => x.graph.constant('int64', [n]);
  const shape = withDim(x.shape, index, count);
  const inputs = [x, ints(start), ints(end), ints(index)];
  return x.graph.node('Slice', inputs, [{ type: x.type, shape }])[0];
}

/** Parts of the given sizes along one axis. */
export function split(x: Value, axis: number, sizes: readonly number[]): Value[] {
  const index = axisOf(x, axis, 'Split');
  if (sizes.reduce((sum, size) => sum + size, 0) !== x.shape[index]) {
    x.graph.fail(
      'Split',
      `[${sizes.join(', ')}] does not add up to axis ${axis} of ${describe(x)}`,
    );
  }
  const outputs = sizes.map((size) => ({ type: x.type, shape: withDim(x.shape, index, size) }));
  return x.graph.node('Split', [x, x.graph.constant('int64', sizes)], outputs, {
    axis: { int: index },
  });
}

/** `x` repeated to the shape of `like` (numpy.broadcast_to). */
export function expandLike(x: Value, like: Value): Value {
  const graph = innermostGraph([x, like]);
  const shape = broadcastShapes(x.shape, like.shape);
  if (!shape || !sameShape(shape, like.shape)) {
    return graph.fail('Expand', `${describe(x)} does not broadcast to ${describe(like)}`);
  }
  const target = graph.node('Shape', [like], [{ type: 'int64', shape: [like.shape.length] }])[0];
  return graph.node('Expand', [x, target], [{ type: x.type, shape }])[0];
}

/** `x` [1, ...] once for each sample of `like` [samples, ...]: [samples, ...]. */
export function forEachSample(x: Value, like: Value): Value {
  const graph = innermostGraph([x, like]);
  const [, ...rest] = x.shape;
  const [samples] = like.shape;
  const count = graph.node('Shape', [like], [{ type: 'int64', shape: [1] }], {
    end: { int: 1 },
  })[0];
  const target = concat([count, graph.constant('int64', rest.map(() => 1))], 0); // prettier-ignore
  return graph.node('Expand', [x, target], [{ type: x.type, shape: [samples, ...rest] }])[0];
}

/** Repeats `x` along its axes of size 1: `times` for each axis, 1 for none. */
export function expand(x: Value, times: readonly number[]): Value {
  if (times.length !== x.shape.length || times.some((n, i) => n !== 1 && x.shape[i] !== 1)) {
    x.graph.fail('Expand', `${describe(x)} does not expand by ${formatShape(times)}`);
  }
  const shape = x.shape.map((dim, i) => (times[i] === 1 ? dim : times[i]));
  return x.graph.node(
    'Expand',
    [x, x.graph.constant('int64', times)],
    [{ type: x.type, shape }],
  )[0];
}

/** Each sample of a batch `times` times over: [batch, …] → [batch·times, …]. */
export function repeat(x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch, ...rest] = x.shape;
  const copies = expand(reshape(x, [batch, 1, ...rest]), [1, times, ...rest.map(() => 1)]);
  return reshape(copies, [multiplyDims(batch, times), ...rest]);
}

/** Pads one axis with `before` and `after` elements of `value`. */
export function pad(x: Value, axis: number, before: number, after: number, value: number): Value {
  const index = axisOf(x, axis, 'Pad');
  const around = (count: number) => x.shape.map((_, i) => (i === index ? count : 0));
  const pads = x.graph.constant('int64', [...around(before), ...around(after)]);
  const shape = withDim(x.shape, index, addDims(x.shape[index], before + after));
  const fill = x.graph.constant(x.type, [value], []);
  return x.graph.node('Pad', [x, pads, fill], [{ type: x.type, shape }])[0];
}

/** Rows of `table` along axis 0, in the shape of `indices`. */
export function gather(table: Value, indices: Value): Value {
  const graph = innermostGraph([table, indices]);
  if (indices.type !== 'int64' && indices.type !== 'int32') {
    graph.fail('Gather', `needs integer indices, not ${describe(indices)}`);
  }
  const shape = [...indices.shape, ...table.shape.slice(1)];
  return graph.node('Gather', [table, indices], [{ type: table.type, shape }], {
    axis: { int: 0 },
  })[0];
}

/**
 * Scatter-add: a table shaped like `like` that holds the sums of `updates` [..., row] at the rows `indices`.
 */
export function scatterRows(like: Value, indices: Value, updates: Value): Value {
  const graph = innermostGraph([like, indices, updates]);
  const zeros = expandLike(graph.constant(like.type, [0], []), like);
  const at = reshape(indices, [...indices.shape, 1], indices);
  return graph.node('ScatterND', [zeros, at, updates], [{ type: like.type, shape: like.shape }], {
    reduction: { string: 'add' },
  })[0];
}

// --- along an axis ----------------------------------------------------------------------------

function reduction(op: string) {
  return (x: Value, axes: readonly number[], keepDims = true): Value => {
    const indices = axes.map((axis) => axisOf(x, axis, op));
    const shape = keepDims
      ? x.shape.map((dim, i) => (indices.includes(i) ? 1 : dim))
      : x.shape.filter((_, i) => !indices.includes(i));
    const attributes = { keepdims: { int: Number(keepDims) } };
    const axesInput = x.graph.constant('int64', indices);
    return x.graph.node(op, [x, axesInput], [{ type: x.type, shape }], attributes)[0];
  };
}

export const reduceSum = reduction('ReduceSum');
export const reduceMean = reduction('ReduceMean');
export const reduceMax = reduction('ReduceMax');

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  requireFloat('Softmax', x);
  return x.graph.node('Softmax', [x], [{ type: x.type, shape: x.shape }], { axis: { int: -1 } })[0];
}

/** Index of the largest element along the last axis, the first of several: int64. */
export function argMax(x: Value): Value {
  requireFloat('ArgMax', x);
  const result = [{ type: 'int64' as const, shape: x.shape.slice(0, -1) }];
  return x.graph.node('ArgMax', [x], result, { axis: { int: -1 }, keepdims: { int: 0 } })[0];
}

/** Inclusive cumulative sum along an axis. */
export function cumulativeSum(x: Value, axis: number): Value {
  const index = x.graph.constant('int64', [axisOf(x, axis, 'CumSum')], []);
  return x.graph.node('CumSum', [x, index], [{ type: x.type, shape: x.shape }])[0];
}

/** Layer normalisation over the last axis. */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
  const features = [x.shape.at(-1) ?? 1];
  if (!sameShape(scale.shape, features) || !sameShape(bias.shape, features)) {
    x.graph.fail('LayerNormalization', `${describe(x)} with ${describe(scale)}, ${describe(bias)}`);
  }
  const graph = innermostGraph([x, scale, bias]);
  return graph.node('LayerNormalization', [x, scale, bias], [{ type: x.type, shape: x.shape }], {
    axis: { int: -1 },
    epsilon: { float: epsilon },
  })[0];
}

/** x divided by the root of the mean of its squares over the last axis, times `scale` [width] if given. */
export function rmsNorm(x: Value, scale: Value | undefined, epsilon: number): Value {
  const meanSquare = reduceMean(power(x, 2), [-1]);
  const unit = divide(x, squareRoot(add(meanSquare, epsilon)));
  return scale ? multiply(unit, scale) : unit;
}

/** Size of one axis at run time: int64 scalar. */
export function sizeOf(x: Value, axis: number): Value {
  const index = axisOf(x, axis, 'Shape');
  const range = { start: { int: index }, end: { int: index + 1 } };
  const [size] = x.graph.node('Shape', [x], [{ type: 'int64', shape: [1] }], range);
  return reshape(size, []);
}

// --- control ----------------------------------------------------------------------------------

/** 0, 1, … up to but not including a scalar int64. */
export function range(limit: Value, dim: Dim): Value {
  const { graph } = limit;
  const [zero, one] = [0, 1].map((n) => graph.constant('int64', [n], []));
  return graph.node('Range', [zero, limit, one], [{ type: 'int64', shape: [dim] }])[0];
}

/** What one iteration of a loop makes. */
interface Iteration {
  results: readonly Value[];
  /** A bool scalar: whether another iteration follows; always where absent. */
  goesOn?: Value;
}

/** States of a loop by their shapes: inside its body, and behind the last iteration. */
interface LoopShapes {
  inside: readonly Shape[];
  behind: readonly Shape[];
}

/** A loop's states, and the axis along which its further results are put together. */
interface LoopOutputs extends LoopShapes {
  iterations?: Dim;
}

function loopNode(
  trips: Value,
  begins: Value | undefined,
  initial: readonly Value[],
  { inside, behind, iterations }: LoopOutputs,
  body: (iteration: Value, state: readonly Value[]) => Iteration,
): Value[] {
  const outer = innermostGraph([trips, ...initial]);
  const inner = new Graph(outer.unique(outer.path('body')), outer);
  const iteration = inner.input('iteration', 'int64', []);
  const condition = inner.input('condition', 'bool', []);
  const state = initial.map(({ type }, i) => inner.input(`state.${i}`, type, inside[i]));
  const { results, goesOn } = body(iteration, state);
  const goOn = goesOn ?? inner.node('Identity', [condition], [{ type: 'bool', shape: [] }])[0];
  inner.output(goOn.name, goOn);
  initial.forEach((state, i) => {
    const isKept = sameShape(behind[i], state.shape);
    const result = results[i];
    if (result.type !== state.type || (isKept && !sameShape(result.shape, inside[i]))) {
      outer.fail('Loop', `turns ${describe(state)} into ${describe(result)}`);
    }
    inner.output(result.name, result);
  });
  // An output's name stands once: a further result may be one of the states.
  const further = results.slice(initial.length).map(detach);
  for (const result of further) inner.output(result.name, result);
  const outputs = [
    ...initial.map(({ type }, i) => ({ type, shape: behind[i] })),
    ...further.map(({ type, shape }) => ({ type, shape: [iterations!, ...shape] })),
  ];
  return outer.node('Loop', [trips, begins, ...initial], outputs, { body: { graph: inner } });
}

/**
 * Runs `body` `trips` times (a scalar int64), passing the results of each iteration to the next. Returns the
 * last results. The body may use values from outside. Results that it gives beyond the states are not passed on: they
 * are returned for all iterations, along a first axis that `iterations` names.
 */
export function loop(
  trips: Value,
  initial: readonly Value[],
  body: (iteration: Value, state: readonly Value[]) => readonly Value[],
  iterations?: Dim,
): Value[] {
  const shapes = initial.map(({ shape }) => shape);
  const outputs = { inside: shapes, behind: shapes, iterations };
  return loopNode(trips, undefined, initial, outputs, (...given) => ({ results: body(...given) }));
}

/**
 * The same, at most `trips` times, and only while a condition (bool scalar), if there is one, holds: `begins` before
 * the first iteration, `goesOn` of each before the next. States may grow along an axis, which then has a name of its
 * own in `shapes`, inside the body and behind the loop.
 */
export const loopWhile = (
  { trips, begins }: { trips: Value; begins?: Value },
  initial: readonly Value[],
  shapes: LoopShapes,
  body: (iteration: Value, state: readonly Value[]) => Iteration,
): Value[] => loopNode(trips, begins, initial, shapes, body);
