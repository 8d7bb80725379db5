import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PixelLayout, toRgb } from '../../src/topics/pixelOrder.ts';

const LAYOUTS: PixelLayout[] = [
  { bytes: 3, rgb: [2, 1, 0] },
  { bytes: 4, rgb: [0, 1, 2] },
  { bytes: 4, rgb: [2, 1, 0] },
  { bytes: 1, rgb: [0, 0, 0] },
];

const rows = fc
  .record({
    layout: fc.constantFrom(...LAYOUTS),
    width: fc.integer({ min: 1, max: 20 }),
    height: fc.integer({ min: 1, max: 5 }),
    padding: fc.integer({ min: 0, max: 9 }),
  })
  .chain(({ layout, width, height, padding }) => {
    const step = width * layout.bytes + padding;
    const length = step * height;
    return fc
      .uint8Array({ minLength: length, maxLength: length + 3 })
      .map((data) => ({ layout, rows: { data, step, width, height } }));
  });

describe('pixels in another layout', () => {
  it('become red, green, blue, whatever the width and the padding of rows', () => {
    fc.assert(
      fc.property(rows, ({ layout, rows }) => {
        const { data, step, width, height } = rows;
        const expected = Array.from({ length: width * height }, (_, pixel) => {
          const at = Math.floor(pixel / width) * step + (pixel % width) * layout.bytes;
          return layout.rgb.map((colour) => data[at + colour]);
        });
        assert.deepEqual([...toRgb(rows, layout)], expected.flat());
      }),
    );
  });

  it('are not those of the image before', () => {
    const [layout] = LAYOUTS;
    const grey = (level: number) =>
      toRgb({ data: new Uint8Array(12).fill(level), step: 6, width: 2, height: 2 }, layout);
    const first = grey(1);
    grey(2);
    assert.deepEqual(first, new Uint8Array(12).fill(1));
  });
});
