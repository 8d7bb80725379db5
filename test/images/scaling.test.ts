import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Image,
  allocate,
  createScaler,
  openImageMemory,
  resizeWithPad,
} from '../../src/images/scaling.ts';
import cases from '../policy/fixtures/pillow-bilinear.json' with { type: 'json' };
import { pillowScale, pillowStretch } from './pillowScale.ts';

/** The pixels that the fixture's images were made of. */
function pseudoRandomPixels(width: number, height: number): Uint8Array {
  let state = BigInt(width * 1000 + height);
  return Uint8Array.from({ length: width * height * 3 }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return Number((state >> 16n) & 255n);
  });
}

/** Black, white and everything between: the extremes are where a sum could run over. */
const image = (width: number, height: number): fc.Arbitrary<Image> =>
  fc
    .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
    .map((bytes) => ({ width, height, pixels: bytes.map((byte) => Math.min(255, 2 * byte)) }));

const size = fc.integer({ min: 1, max: 40 });
const anyImage = fc.tuple(size, size).chain(([width, height]) => image(width, height));

describe('resizing with padding', () => {
  for (const { width, height, side, resized } of cases) {
    it(`equals Pillow's bilinear filter from ${width}×${height} to ${side}`, () => {
      const image = resizeWithPad(pseudoRandomPixels(width, height), width, height, side);
      assert.deepEqual(image, new Uint8Array(Buffer.from(resized, 'base64')));
    });
  }

  it('equals the formula, value by value, for images and squares of any size', () => {
    fc.assert(
      fc.property(anyImage, size, (image, side) => {
        const { pixels, width, height } = image;
        assert.deepEqual(resizeWithPad(pixels, width, height, side), pillowScale(image, side));
      }),
    );
  });

  it('equals the formula for what cameras send', () => {
    for (const [width, height] of [
      [640, 480],
      [641, 359],
    ]) {
      const pixels = pseudoRandomPixels(width, height);
      const expected = pillowScale({ pixels, width, height }, 224);
      assert.deepEqual(resizeWithPad(pixels, width, height, 224), expected);
    }
  });

  it('returns an image of the wanted size as it is', () => {
    const image = pseudoRandomPixels(5, 5);
    assert.equal(resizeWithPad(image, 5, 5, 5), image);
  });

  it('keeps one colour inside and black around', () => {
    const level = fc.integer({ min: 1, max: 255 });
    fc.assert(
      fc.property(size, size, size, level, (width, height, side, grey) => {
        const pixels = new Uint8Array(width * height * 3).fill(grey);
        const image = resizeWithPad(pixels, width, height, side);
        assert.equal(image.length, side * side * 3);
        assert.ok(image.every((value) => value === grey || value === 0));
        const middle = Math.trunc((side - 1) / 2);
        assert.equal(image[(middle * side + middle) * 3], grey);
      }),
    );
  });
});

describe('stretching', () => {
  it("equals Pillow's bicubic filter, value by value, for images and squares of any size", () => {
    const scaler = createScaler(openImageMemory());
    fc.assert(
      fc.property(anyImage, size, (image, side) => {
        const scaled = new Uint8Array(3 * side * side);
        scaler.scale(image, { width: side, height: side, fit: 'stretched' }, scaled);
        assert.deepEqual(scaled, pillowStretch(image, side));
      }),
      { numRuns: 50 },
    );
  });
});

describe('a scaler', () => {
  it('sees an image in its memory as it sees one elsewhere', () => {
    const memory = openImageMemory();
    const scaler = createScaler(memory);
    const [width, height, side] = [64, 48, 16];
    const elsewhere = pseudoRandomPixels(width, height);
    const inside = allocate(memory, elsewhere.length);
    inside.set(elsewhere);
    const scaled = [elsewhere, inside].map((pixels) => {
      const target = new Uint8Array(side * side * 3);
      scaler.scale({ pixels, width, height }, side, target);
      return target;
    });
    assert.deepEqual(scaled[1], scaled[0]);
    assert.deepEqual(scaled[0], pillowScale({ pixels: elsewhere, width, height }, side));
  });

  it('takes no memory once it has seen an image of a size', () => {
    const memory = openImageMemory();
    const scaler = createScaler(memory);
    const target = new Uint8Array(16 * 16 * 3);
    const look = (width: number, height: number) => {
      const pixels = pseudoRandomPixels(width, height);
      scaler.scale({ pixels, width, height }, 16, target);
    };
    look(64, 48);
    const { byteLength } = memory.buffer;
    for (let i = 0; i < 50; i++) look(64, 48);
    assert.equal(memory.buffer.byteLength, byteLength);
  });
});
