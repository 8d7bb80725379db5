import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { gradients } from '../../src/onnx/gradient.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import * as images from '../../src/onnx/imageOperators.ts';
import * as operators from '../../src/onnx/operators.ts';
import * as products from '../../src/onnx/products.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { runGraph } from './run.ts';

const op = { ...images, ...operators, ...products };

type Float = 'float64' | 'float32';

interface Case {
  shapes: number[][];
  build: (...values: Value[]) => Value;
  /** ONNX Runtime has no float64 kernel for some operators. */
  type?: Float;
  /** Keeps inputs where the operator is defined and smooth. */
  shift?: number;
}

const ARRAYS = { float64: Float64Array, float32: Float32Array };
/** Step of the central differences, and the largest error that they leave, absolute and relative. */
const PRECISION = {
  float64: { step: 1e-5, tolerance: 1e-8 },
  float32: { step: 1e-2, tolerance: 2e-3 },
};

const positive = 4;
const pair = [
  [2, 3],
  [2, 3],
];
const broadcast = [
  [2, 3, 2],
  [3, 1],
];

const cases: Record<string, Case> = {
  'add, broadcast': { shapes: broadcast, build: op.add },
  'subtract, broadcast': { shapes: broadcast, build: op.subtract },
  'multiply, broadcast': { shapes: broadcast, build: op.multiply },
  'multiply by a scalar': { shapes: [[2, 3], []], build: op.multiply },
  'divide, broadcast': { shapes: broadcast, build: op.divide, shift: positive },
  'a value used twice': { shapes: [[3]], build: (x) => op.multiply(x, op.add(x, x)) },
  minimum: { shapes: pair, build: op.minimum },
  maximum: { shapes: pair, build: op.maximum },
  'a clip between numbers': {
    shapes: [[2, 3]],
    build: (x) => op.minimum(op.maximum(x, -0.7), 0.6),
  },
  square: { shapes: [[2, 3]], build: (x) => op.power(x, 2) },
  'another power': { shapes: [[2, 3]], build: (x) => op.power(x, 1.5), shift: positive },
  negate: { shapes: [[3]], build: op.negate },
  squareRoot: { shapes: [[3]], build: op.squareRoot, shift: positive },
  reciprocal: { shapes: [[3]], build: op.reciprocal, shift: positive },
  exponential: { shapes: [[3]], build: op.exponential },
  logarithm: { shapes: [[3]], build: (x) => op.logarithm(op.add(op.multiply(x, x), 1)) },
  sine: { shapes: [[3]], build: op.sine },
  cosine: { shapes: [[3]], build: op.cosine, type: 'float32' },
  sigmoid: { shapes: [[3]], build: op.sigmoid },
  silu: { shapes: [[2, 3]], build: op.silu },
  geluTanh: { shapes: [[2, 5]], build: op.geluTanh, type: 'float32' },
  where: { shapes: pair, build: (a, b) => op.where(op.greater(a, 0), a, op.multiply(b, b)) },
  matmul: { shapes: [[2, 3], [3, 4]], build: op.matmul }, // prettier-ignore
  'matmul, leading axes broadcast': { shapes: [[2, 1, 3, 2], [4, 2, 3]], build: op.matmul }, // prettier-ignore
  linear: { shapes: [[2, 2, 3], [4, 3], [4]], build: op.linear }, // prettier-ignore
  'gemm, left transposed': { shapes: [[3, 2], [3, 4]], build: (a, b) => op.gemm(a, b, undefined, { transA: true }) }, // prettier-ignore
  'gemm, both transposed': { shapes: [[3, 2], [4, 3]], build: (a, b) => op.gemm(a, b, undefined, { transA: true, transB: true }) }, // prettier-ignore
  reshape: { shapes: [[2, 6]], build: (x) => op.reshape(x, [3, 4]) },
  transpose: { shapes: [[2, 3, 4]], build: (x) => op.transpose(x, [2, 0, 1]) },
  concat: { shapes: [[2, 3], [2, 1], [2, 2]], build: (...x) => op.concat(x, 1) }, // prettier-ignore
  slice: { shapes: [[2, 5]], build: (x) => op.slice(x, 1, 1, 3) },
  'split, one part unused': { shapes: [[2, 5]], build: (x) => op.split(x, 1, [1, 2, 2])[1] },
  pad: { shapes: [[2, 3]], build: (x) => op.pad(x, 1, 2, 1, 5) },
  expandLike: { shapes: [[3, 1], [2, 3, 2]], build: (a, b) => op.expandLike(a, b) }, // prettier-ignore
  'gather, a row twice': {
    shapes: [[4, 3]],
    build: (table) => op.gather(table, table.graph.constant('int64', [1, 3, 1])),
  },
  reduceSum: { shapes: [[2, 3, 2]], build: (x) => op.reduceSum(x, [0, 2], false) },
  reduceMean: { shapes: [[2, 3, 2]], build: (x) => op.reduceMean(x, [1]) },
  'attention, half of it to a cache': {
    shapes: [[2, 3, 2], [2, 2, 2], [2, 2, 2]], // prettier-ignore
    build: (queries, keys, values) => {
      const cache = keys.graph.constant(
        keys.type,
        [1, -0.5, 0.3, 0.7, -1, 0.2, 0.4, 0.9],
        [2, 2, 2],
      );
      const all = op.transpose(op.concat([cache, keys], 1), [0, 2, 1]);
      const weights = op.softmax(op.matmul(queries, all));
      return op.matmul(weights, op.concat([cache, values], 1));
    },
  },
  softmax: { shapes: [[2, 4]], build: op.softmax },
  layerNorm: {
    shapes: [[3, 4], [4], [4]],
    build: (x, scale, bias) => op.layerNorm(x, scale, bias, 1e-3),
  },
  relu: { shapes: [[2, 5]], build: op.relu },
  'a convolution whose stride leaves pixels over': {
    shapes: [[2, 2, 6, 5], [3, 2, 3, 2], [3]], // prettier-ignore
    build: (x, kernel, bias) => op.convolve(x, kernel, bias, { stride: 2, padding: 1 }),
    type: 'float32',
  },
  'a convolution of patches': {
    shapes: [[1, 2, 4, 4], [3, 2, 2, 2], [3]], // prettier-ignore
    build: (x, kernel, bias) => op.convolve(x, kernel, bias, { stride: 2, padding: 0 }),
    type: 'float32',
  },
  groupNorm: {
    shapes: [[2, 4, 2, 3], [4], [4]], // prettier-ignore
    build: (x, scale, bias) => op.groupNorm(x, scale, bias, 2, 1e-3),
    type: 'float32',
  },
  cast: {
    shapes: [[3]],
    build: (x) => op.cast(op.multiply(op.cast(x, 'float32'), 2), x.type),
    type: 'float32',
  },
};

/** Sum of the result's elements, each with its own weight, so that no gradient cancels out. */
function weightedSum(result: Value): Value {
  const count = result.shape.reduce((n: number, dim) => n * (dim as number), 1);
  const weights = Array.from({ length: count }, (_, i) => 0.5 + (i % 5) * 0.3);
  const weighted = op.multiply(result, result.graph.constant(result.type, weights, result.shape));
  const axes = result.shape.map((_, i) => i);
  return axes.length === 0 ? weighted : op.reduceSum(weighted, axes, false);
}

async function check({ shapes, build, type = 'float64', shift = 0 }: Case): Promise<void> {
  const graph = new Graph('gradient');
  const inputs = shapes.map((shape, i) => graph.input(`x${i}`, type, shape));
  const loss = weightedSum(build(...inputs));
  graph.output('loss', loss);
  gradients(loss, inputs).forEach((gradient, i) => {
    assert.deepEqual(gradient.shape, shapes[i]);
    graph.output(`d${i}`, gradient);
  });
  const session = await InferenceSession.create(encodeModel(graph), { intraOpNumThreads: 1 });
  const data = shapes.map((shape, i) => {
    const count = shape.reduce((n, dim) => n * dim, 1);
    return ARRAYS[type].from(gaussianNoise([3, i], count).map((x) => x + shift));
  });
  const run = (values: (Float64Array | Float32Array)[]) =>
    session.run(
      Object.fromEntries(
        values.map((value, i) => [
          `x${i}`,
          new Tensor(type as 'float64', value as Float64Array, shapes[i]),
        ]),
      ),
    );
  const { step, tolerance } = PRECISION[type];
  const exact = await run(data);
  for (let i = 0; i < data.length; i++) {
    for (let element = 0; element < data[i].length; element++) {
      const at = async (offset: number) => {
        const moved = data.map((values) => values.slice());
        moved[i][element] += offset;
        return (await run(moved)).loss.data[0] as number;
      };
      const numeric = ((await at(step)) - (await at(-step))) / (2 * step);
      const analytic = exact[`d${i}`].data[element] as number;
      const error = Math.abs(numeric - analytic) / Math.max(1, Math.abs(numeric));
      assert.ok(
        error < tolerance,
        `input ${i}[${element}]: ${analytic}, by differences ${numeric}`,
      );
    }
  }
  await session.release();
}

describe('gradients agree with central differences', () => {
  for (const [name, example] of Object.entries(cases)) it(name, () => check(example));
});

describe('a gradient graph', () => {
  it('names an operator that has no rule, and where it stands', () => {
    const graph = new Graph('loss');
    const x = graph.input('x', 'float32', [3]);
    const sums = graph.scope('running', () => op.cumulativeSum(x, 0));
    const loss = op.reduceSum(sums, [0], false);
    assert.throws(() => gradients(loss, [x]), /running\/CumSum.*has no gradient/);
  });

  it('builds nothing for what the sources do not reach', () => {
    const graph = new Graph('loss');
    const [x, w] = [graph.input('x', 'float32', [4, 3]), graph.input('w', 'float32', [2, 3])];
    const loss = op.reduceSum(op.linear(op.exponential(x), w), [0, 1], false);
    const forward = graph.nodes.length;
    gradients(loss, [w]);
    const added = graph.nodes.slice(forward).map((node) => node.op);
    assert.equal(added.filter((name) => name === 'Gemm').length, 1);
    assert.ok(!added.includes('Exp') && !added.includes('Mul'));
  });

  it('stops at a value that was detached', async () => {
    const graph = new Graph('detached');
    const x = graph.input('x', 'float32', [2]);
    const loss = op.reduceSum(op.multiply(x, op.detach(op.multiply(x, x))), [0], false);
    graph.output('slope', gradients(loss, [x])[0]);
    const { slope } = await runGraph(graph, {
      x: new Tensor('float32', Float32Array.of(2, 3), [2]),
    });
    assert.deepEqual([...(slope.data as Float32Array)], [4, 9]);
  });

  it('gives zeros for a source that the loss does not depend on', async () => {
    const graph = new Graph('loss');
    const [x, w] = [graph.input('x', 'float32', [2]), graph.input('w', 'float32', [3])];
    const [dw] = gradients(op.reduceSum(x, [0], false), [w]);
    graph.output('dw', dw);
    const session = await InferenceSession.create(encodeModel(graph));
    const { dw: zeros } = await session.run({
      x: new Tensor('float32', [1, 2], [2]),
      w: new Tensor('float32', [1, 2, 3], [3]),
    });
    await session.release();
    assert.deepEqual([...(zeros.data as Float32Array)], [0, 0, 0]);
  });
});
