import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ElementType } from '../../src/tensors/elementType.ts';
import type { Value } from '../../src/onnx/graph.ts';
import * as operators from '../../src/onnx/operators.ts';
import * as products from '../../src/onnx/products.ts';
import { evaluate } from './run.ts';

const op = { ...operators, ...products };

interface Case {
  inputs: { data: number[]; shape: number[]; type?: ElementType }[];
  build: (...values: Value[]) => Value;
  expected: number[];
  shape: number[];
}

const x = { data: [-2, -0.5, 0, 0.5, 1, 3], shape: [2, 3] };
const row = { data: [1, 2, 4], shape: [3] };
const each = (f: (value: number) => number) => x.data.map(f);
const withRow = (f: (a: number, b: number) => number) =>
  x.data.map((a, i) => f(a, row.data[i % 3]));
const logistic = (v: number) => 1 / (1 + Math.exp(-v));
const gelu = (v: number) =>
  0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
const pairwise = (build: Case['build'], f: (a: number, b: number) => number): Case => ({
  inputs: [x, row],
  build,
  expected: withRow(f),
  shape: [2, 3],
});
const elementwise = (build: Case['build'], f: (v: number) => number): Case => ({
  inputs: [x],
  build,
  expected: each(f),
  shape: [2, 3],
});

const cases: Record<string, Case> = {
  'add broadcasts': pairwise(op.add, (a, b) => a + b),
  'subtract broadcasts': pairwise(op.subtract, (a, b) => a - b),
  'multiply broadcasts': pairwise(op.multiply, (a, b) => a * b),
  'divide broadcasts': pairwise(op.divide, (a, b) => a / b),
  'minimum broadcasts': pairwise(op.minimum, Math.min),
  'maximum broadcasts': pairwise(op.maximum, Math.max),
  'power takes a number': elementwise(
    (v) => op.power(v, 2),
    (v) => v * v,
  ),
  negate: elementwise(op.negate, (v) => -v),
  exponential: elementwise(op.exponential, Math.exp),
  logarithm: elementwise(
    (v) => op.logarithm(op.exponential(v)),
    (v) => v,
  ),
  'argMax takes the first of several': {
    inputs: [{ data: [1, 3, 3, 5, 0, 5], shape: [2, 3] }],
    build: op.argMax,
    expected: [1, 0],
    shape: [2],
  },
  sine: elementwise(op.sine, Math.sin),
  cosine: elementwise(op.cosine, Math.cos),
  sigmoid: elementwise(op.sigmoid, logistic),
  silu: elementwise(op.silu, (v) => v * logistic(v)),
  'geluTanh is the tanh form, not erf': elementwise(op.geluTanh, gelu),
  squareRoot: elementwise((v) => op.squareRoot(op.multiply(v, v)), Math.abs),
  reciprocal: elementwise(
    (v) => op.reciprocal(op.add(v, 3)),
    (v) => 1 / (v + 3),
  ),
  'where picks by greater': elementwise(
    (v) => op.where(op.greater(v, 0), v, op.negate(v)),
    Math.abs,
  ),
  'linear multiplies by transposed weights and adds the bias': {
    inputs: [x, { data: [1, 0, 2, 0, 1, 0], shape: [2, 3] }, { data: [10, 20], shape: [2] }],
    build: op.linear,
    expected: [8, 19.5, 16.5, 21],
    shape: [2, 2],
  },
  'matmul broadcasts leading axes': {
    inputs: [
      { data: [1, 2, 3, 4], shape: [2, 1, 2] },
      { data: [1, 0, 0, 1], shape: [2, 2] },
    ],
    build: op.matmul,
    expected: [1, 2, 3, 4],
    shape: [2, 1, 2],
  },
  transpose: {
    inputs: [x],
    build: (v) => op.transpose(v, [1, 0]),
    expected: [-2, 0.5, -0.5, 1, 0, 3],
    shape: [3, 2],
  },
  slice: {
    inputs: [x],
    build: (v) => op.slice(v, 1, 1, 3),
    expected: [-0.5, 0, 1, 3],
    shape: [2, 2],
  },
  'split and concat in another order': {
    inputs: [x],
    build: (v) => op.concat(op.split(v, 1, [1, 2]).reverse(), 1),
    expected: [-0.5, 0, -2, 1, 3, 0.5],
    shape: [2, 3],
  },
  pad: {
    inputs: [row],
    build: (v) => op.pad(v, 0, 1, 2, 7),
    expected: [7, 1, 2, 4, 7, 7],
    shape: [6],
  },
  gather: {
    inputs: [x, { data: [1, 1, 0], shape: [3], type: 'int64' }],
    build: op.gather,
    expected: [0.5, 1, 3, 0.5, 1, 3, -2, -0.5, 0],
    shape: [3, 3],
  },
  expandLike: {
    inputs: [row, x],
    build: op.expandLike,
    expected: [1, 2, 4, 1, 2, 4],
    shape: [2, 3],
  },
  'reduceSum keeps axes': {
    inputs: [x],
    build: (v) => op.reduceSum(v, [1]),
    expected: [-2.5, 4.5],
    shape: [2, 1],
  },
  'reduceMean drops axes': {
    inputs: [x],
    build: (v) => op.reduceMean(v, [0], false),
    expected: [-0.75, 0.25, 1.5],
    shape: [3],
  },
  'cumulativeSum counts its own': {
    inputs: [row],
    build: (v) => op.cumulativeSum(v, 0),
    expected: [1, 3, 7],
    shape: [3],
  },
  softmax: {
    inputs: [{ data: [0, Math.log(3), 5, 5], shape: [2, 2] }],
    build: op.softmax,
    expected: [0.25, 0.75, 0.5, 0.5],
    shape: [2, 2],
  },
  layerNorm: {
    inputs: [
      { data: [1, 3], shape: [1, 2] },
      { data: [2, 2], shape: [2] },
      { data: [5, 5], shape: [2] },
    ],
    build: (v, scale, bias) => op.layerNorm(v, scale, bias, 0),
    expected: [3, 7],
    shape: [1, 2],
  },
  range: {
    inputs: [{ data: [3], shape: [], type: 'int64' }],
    build: (limit) => op.cast(op.range(limit, 'n'), 'float32'),
    expected: [0, 1, 2],
    shape: [3],
  },
};

describe('operators agree with their definitions in ONNX Runtime', () => {
  for (const [name, { inputs, build, expected, shape }] of Object.entries(cases)) {
    it(name, async () => {
      const named = Object.fromEntries(inputs.map((input, i) => [`input${i}`, input]));
      const result = await evaluate(named, build);
      assert.deepEqual(result.shape, shape);
      result.data.forEach((value, i) => {
        const error = Math.abs(value - expected[i]);
        assert.ok(
          error <= 1e-6 * Math.max(1, Math.abs(expected[i])),
          `${value} is not ${expected[i]}`,
        );
      });
    });
  }
});
