import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { Graph } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import {
  type IntegerMatrix,
  type PackedMatrix,
  asBlocks,
  asUnsigned,
  packedLinear,
} from '../../src/onnx/products.ts';
import { saturatesIntegers } from '../../src/session/integerProbe.ts';
import { openModel, sessionConfigSchema } from '../../src/session/session.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { runGraph } from '../onnx/run.ts';
import {
  BLOCK,
  BLOCK_BITS,
  type BlockBits,
  blockElements,
  blockScales,
  packRows,
  packedShapes,
  rowScales,
} from '../../src/policy/paligemma/packedWeights.ts';

/** A matrix [out, in] in few bits. */
function packMatrix(matrix: Float32Array, features: number, bits: BlockBits) {
  const scales = blockScales(matrix, features, bits);
  return { elements: blockElements(matrix, features, bits, scales), scales };
}

/** What packed elements stand for. */
function unpack(
  { elements, scales }: ReturnType<typeof packMatrix>,
  [out, features]: readonly [number, number],
  bits: BlockBits,
): Float32Array {
  const blocks = Math.ceil(features / BLOCK);
  const levels = Array.from(elements).flatMap((byte) => (bits === 8 ? [byte] : [byte & 15, byte >> 4])); // prettier-ignore
  return Float32Array.from({ length: out * features }, (_, i) => {
    const [row, column] = [Math.floor(i / features), i % features];
    const at = row * blocks + Math.floor(column / BLOCK);
    return (levels[at * BLOCK + (column % BLOCK)] - 2 ** (bits - 1)) * scales[at];
  });
}

describe('a matrix in blocks of few bits', () => {
  for (const bits of BLOCK_BITS)
    it(`of ${bits} bits is off by at most a step of its block, which its largest element sets`, () =>
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(1000), (features, seed) => {
          const shape = [3, features] as const;
          const matrix = gaussianNoise(seed, 3 * features);
          const packed = packMatrix(matrix, features, bits);
          const blocks = Math.ceil(features / BLOCK);
          unpack(packed, shape, bits).forEach((value, i) => {
            const at = Math.floor(i / features) * blocks + Math.floor((i % features) / BLOCK);
            assert.ok(Math.abs(value - matrix[i]) <= Math.abs(packed.scales[at]) * 1.0001);
          });
        }),
        { numRuns: 50 },
      ));

  it('of zeros stays zero', () => {
    const shape = [1, 40] as const;
    const packed = packMatrix(new Float32Array(40), 40, 4);
    assert.ok(unpack(packed, shape, 4).every((value) => value === 0));
  });

  for (const bits of BLOCK_BITS)
    it(`of ${bits} bits is multiplied by ONNX Runtime as what it stands for`, async () => {
      const shape = [5, 70] as const;
      const packed = packMatrix(gaussianNoise(1, 350), 70, bits);
      const shapes = packedShapes(shape, `q${bits}`);
      const graph = new Graph('packed');
      const weight = {
        shape,
        bits,
        block: BLOCK,
        elements: graph.input('elements', 'uint8', shapes.elements),
        scales: graph.input('scales', 'float32', shapes.scales),
      };
      const x = graph.input('x', 'float32', ['rows', 70]);
      graph.output('y', packedLinear(x, weight, graph.constant('float32', [1, 2, 3, 4, 5])));
      const session = await openModel(
        encodeModel(graph),
        sessionConfigSchema.parse({ threads: 1 }),
      );
      const rows = gaussianNoise(2, 140);
      const { y } = await session.run({
        x: new Tensor('float32', rows, [2, 70]),
        elements: new Tensor('uint8', packed.elements, shapes.elements),
        scales: new Tensor('float32', packed.scales, shapes.scales),
      });
      await session.release();
      const matrix = unpack(packed, shape, bits);
      (y.data as Float32Array).forEach((value, i) => {
        const [row, out] = [Math.floor(i / 5), i % 5];
        let sum = out + 1;
        for (let k = 0; k < 70; k++) sum += rows[row * 70 + k] * matrix[out * 70 + k];
        assert.ok(Math.abs(value - sum) < 2e-5, `${value} instead of ${sum}`);
      });
    });
});

describe('a matrix as whole numbers', async () => {
  /** Products of rows [.., in] with a random matrix [out, in]: as packed, and with the matrix as it was. */
  async function products(
    shape: readonly [number, number],
    rows: Float32Array,
    change: (weight: IntegerMatrix) => PackedMatrix = (weight) => weight,
  ) {
    const [out, features] = shape;
    const matrix = gaussianNoise([1, out, features], out * features);
    const integers = new Int8Array(out * features);
    packRows(matrix, integers, shape);
    const scales = rowScales(matrix, features);
    const count = rows.length / features;
    const graph = new Graph('integers');
    const shapes = packedShapes(shape, 'i8');
    const weight = {
      shape,
      integers: graph.input('integers', 'int8', shapes.elements),
      scales: graph.input('scales', 'float32', shapes.scales),
    };
    const x = graph.input('x', 'float32', ['rows', features]);
    graph.output('y', packedLinear(x, change(weight)));
    const { y } = await runGraph(graph, {
      x: new Tensor('float32', rows, [count, features]),
      integers: new Tensor('int8', integers, shapes.elements),
      scales: new Tensor('float32', scales, shapes.scales),
    });
    const wholly = Array.from({ length: count * out }, (_, i) => {
      const [row, column] = [Math.floor(i / out), i % out];
      let sum = 0;
      for (let k = 0; k < features; k++)
        sum += rows[row * features + k] * matrix[column * features + k];
      return sum;
    });
    return { packed: Array.from(y.data as Float32Array), wholly };
  }

  /** Norm of the difference, in parts of the norm. */
  const apart = (a: readonly number[], b: readonly number[]) =>
    Math.hypot(...a.map((value, i) => value - b[i])) / Math.hypot(...b);

  /** As this processor multiplies them. */
  const onCpu = (await saturatesIntegers()) ? asUnsigned : (weight: IntegerMatrix) => weight;

  const sizes = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 130 }));

  const kinds = {
    'as this CPU takes it': onCpu,
    'as unsigned bytes, which every CPU multiplies exactly': asUnsigned,
    'as a GPU takes it': (weight: IntegerMatrix) => asBlocks(weight, BLOCK),
    'as a GPU takes unsigned bytes': (weight: IntegerMatrix) => asBlocks(asUnsigned(weight), BLOCK),
  };
  const kind = fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[]));

  it('multiplies rows to two hundredths, on every CPU and as a GPU takes it', () =>
    fc.assert(
      fc.asyncProperty(sizes, kind, async (shape, name) => {
        const rows = gaussianNoise(2, 3 * shape[1]);
        const { packed, wholly } = await products(shape, rows, kinds[name]);
        packed.forEach((value, i) => {
          const row = rows.subarray(Math.floor(i / shape[0]) * shape[1]).subarray(0, shape[1]);
          const size = Math.hypot(...row) * Math.sqrt(shape[1]);
          assert.ok(Math.abs(value - wholly[i]) <= 0.02 * size, `${value}, ${wholly[i]}`);
        });
      }),
      { numRuns: 30 },
    ));

  it('keeps a row exact to a fiftieth beside one that is a thousand times as large', async () => {
    const [shape, rows] = [[40, 64] as const, gaussianNoise(3, 128)];
    const outlier = rows.map((value, i) => (i < 64 ? 1000 * value : value));
    const { packed, wholly } = await products(shape, outlier, onCpu);
    assert.ok(apart(packed.slice(40), wholly.slice(40)) < 0.02);
  });

  for (const [name, change] of Object.entries(kinds))
    it(`makes NaN of a row with a NaN, ${name}, and keeps the others`, async () => {
      const [shape, sound] = [[40, 64] as const, gaussianNoise(3, 128)];
      const rows = Float32Array.from(sound).fill(NaN, 5, 6);
      const { packed, wholly } = await products(shape, rows, change);
      assert.ok(packed.slice(0, 40).every(Number.isNaN));
      assert.ok(apart(packed.slice(40), wholly.slice(40)) < 0.02);
    });

  it('makes zeros of a row of zeros', async () => {
    const { packed } = await products([7, 5], new Float32Array(10));
    assert.deepEqual(new Set(packed), new Set([0]));
  });
});
