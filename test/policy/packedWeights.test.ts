import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { Graph } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import { packedLinear } from '../../src/onnx/products.ts';
import { openModel, sessionConfigSchema } from '../../src/session/session.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { BLOCK, PACKED_BITS, type PackedBits, packMatrix, packedShapes } from '../../src/policy/families/pi0/packedWeights.ts'; // prettier-ignore

/** What packed elements stand for. */
function unpack(
  { elements, scales }: ReturnType<typeof packMatrix>,
  [out, features]: readonly [number, number],
  bits: PackedBits,
): Float32Array {
  const blocks = Math.ceil(features / BLOCK);
  const levels = Array.from(elements).flatMap((byte) => (bits === 8 ? [byte] : [byte & 15, byte >> 4])); // prettier-ignore
  return Float32Array.from({ length: out * features }, (_, i) => {
    const [row, column] = [Math.floor(i / features), i % features];
    const at = row * blocks + Math.floor(column / BLOCK);
    return (levels[at * BLOCK + (column % BLOCK)] - 2 ** (bits - 1)) * scales[at];
  });
}

describe('a matrix in few bits', () => {
  for (const bits of PACKED_BITS)
    it(`of ${bits} bits is off by at most a step of its block, which its largest element sets`, () =>
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(1000), (features, seed) => {
          const shape = [3, features] as const;
          const matrix = gaussianNoise(seed, 3 * features);
          const packed = packMatrix(matrix, shape, bits);
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
    const packed = packMatrix(new Float32Array(40), shape, 4);
    assert.ok(unpack(packed, shape, 4).every((value) => value === 0));
  });

  for (const bits of PACKED_BITS)
    it(`of ${bits} bits is multiplied by ONNX Runtime as what it stands for`, async () => {
      const shape = [5, 70] as const;
      const packed = packMatrix(gaussianNoise(1, 350), shape, bits);
      const shapes = packedShapes(shape, bits);
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
        assert.ok(Math.abs(value - sum) < 2e-5, `${value} in the place of ${sum}`);
      });
    });
});
