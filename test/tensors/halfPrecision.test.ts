import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toFloat32 } from '../../src/tensors/dtype.ts';
import { toBfloat16, toFloat16 } from '../../src/tensors/halfPrecision.ts';

const TYPES = [
  { dtype: 'F16', narrow: toFloat16, infinity: 0x7c00 },
  { dtype: 'BF16', narrow: toBfloat16, infinity: 0x7f80 },
] as const;

for (const { dtype, narrow, infinity } of TYPES) {
  const widen = (...bits: number[]) => toFloat32({ dtype, data: Uint16Array.from(bits) });

  describe(`${dtype}, from float32`, () => {
    it('keeps each of its own numbers', () => {
      const bits = Uint16Array.from({ length: infinity + 1 }, (_, i) => i);
      assert.deepEqual(narrow(widen(...bits)), bits);
    });

    it('is the nearest of its numbers, of two as near the even one', () =>
      fc.assert(
        fc.property(
          fc.float({ noNaN: true, min: 0, max: 65_504, noDefaultInfinity: true }),
          (value) => {
            const [bits] = narrow(Float32Array.of(value));
            const [below, got, above] = widen(bits === 0 ? 0 : bits - 1, bits, bits + 1);
            const distance = Math.abs(got - value);
            for (const other of [below, above]) {
              const further = Math.abs(other - value);
              assert.ok(
                distance < further || other === got || (distance === further && bits % 2 === 0),
              );
            }
          },
        ),
        { numRuns: 2000 },
      ));

    it('keeps signs, infinity and what is no number', () => {
      const [negative, minus, zero] = widen(...narrow(Float32Array.of(-1.5, -Infinity, -0)));
      assert.deepEqual([negative, minus, Object.is(zero, -0)], [-1.5, -Infinity, true]);
      assert.ok(Number.isNaN(widen(...narrow(Float32Array.of(NaN)))[0]));
    });
  });
}

it('what float16 cannot hold becomes infinite, from half a step beyond its largest number on', () => {
  const wide = toFloat32({ dtype: 'F16', data: toFloat16(Float32Array.of(65_519, 65_520, 1e30)) });
  assert.deepEqual([...wide], [65_504, Infinity, Infinity]);
});
