import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Dtype, type TensorData, toFloat32 } from '../../src/tensors/dtype.ts';
import { findNonFinite } from '../../src/tensors/finite.ts';

const bits = (largest: number) => fc.array(fc.nat(largest), { maxLength: 20 });
const ARRAYS: [Dtype, fc.Arbitrary<TensorData>][] = [
  ['F32', bits(0xffffffff).map((all) => new Float32Array(Uint32Array.from(all).buffer))],
  ['F16', bits(0xffff).map((all) => Uint16Array.from(all))],
  ['BF16', bits(0xffff).map((all) => Uint16Array.from(all))],
  ['F64', fc.array(fc.double(), { maxLength: 20 }).map((all) => Float64Array.from(all))],
];

describe('the first number that is not finite', () => {
  for (const [dtype, elements] of ARRAYS) {
    it(`is found by its bits as by its value, in ${dtype}`, () =>
      fc.assert(
        fc.property(elements, (data) => {
          const values = dtype === 'F64' ? (data as Float64Array) : toFloat32({ dtype, data });
          const expected = [...values].findIndex((value) => !Number.isFinite(value));
          assert.equal(findNonFinite({ dtype, data }), expected);
        }),
      ));
  }

  it('is none among integers', () => {
    assert.equal(findNonFinite({ dtype: 'I32', data: Int32Array.of(-1, 0x7f800000) }), -1);
  });
});
