import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { resizeWithPad } from '../../src/policy/images.ts';
import cases from './fixtures/pillow-bilinear.json' with { type: 'json' };

/** The pixels that the fixture's images were made of. */
function pseudoRandomPixels(width: number, height: number): Uint8Array {
  let state = BigInt(width * 1000 + height);
  return Uint8Array.from({ length: width * height * 3 }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return Number((state >> 16n) & 255n);
  });
}

describe('resizing with padding', () => {
  for (const { width, height, side, resized } of cases) {
    it(`equals Pillow's bilinear filter from ${width}×${height} to ${side}`, () => {
      const image = resizeWithPad(pseudoRandomPixels(width, height), width, height, side);
      assert.deepEqual(image, new Uint8Array(Buffer.from(resized, 'base64')));
    });
  }

  it('returns an image of the wanted size as it is', () => {
    const image = pseudoRandomPixels(5, 5);
    assert.equal(resizeWithPad(image, 5, 5, 5), image);
  });

  it('keeps one colour inside and black around', () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        fc.integer({ min: 1, max: 255 }),
        (width, height, side, grey) => {
          const image = resizeWithPad(
            new Uint8Array(width * height * 3).fill(grey),
            width,
            height,
            side,
          );
          assert.equal(image.length, side * side * 3);
          assert.ok(image.every((value) => value === grey || value === 0));
          const middle = Math.trunc((side - 1) / 2);
          assert.equal(image[(middle * side + middle) * 3], grey);
        },
      ),
    );
  });
});
