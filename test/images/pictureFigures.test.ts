import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  brightness,
  difference,
  frameRate,
  sharpness,
  thumbnail,
} from '../../src/images/pictureFigures.ts';

const SIZE = { width: 16, height: 12 };

/** RGB8 of a grey picture. */
const picture = (grey: (x: number, y: number) => number) =>
  Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return grey(pixel % SIZE.width, Math.floor(pixel / SIZE.width));
  });

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-2, `${a}, not ${b}`);

describe('sharpness', () => {
  it('is 0 of an even picture and of a slope', () => {
    close(
      sharpness(
        picture(() => 120),
        SIZE,
      ),
      0,
    );
    close(
      sharpness(
        picture((x, y) => 5 * x + 3 * y),
        SIZE,
      ),
      0,
    );
  });

  it('is the variance of the Laplacian: (8·amplitude)² of a chessboard', () => {
    const board = (amplitude: number) =>
      picture((x, y) => 120 + ((x + y) % 2 === 0 ? amplitude : -amplitude));
    close(sharpness(board(10), SIZE), 80 ** 2);
    close(sharpness(board(20), SIZE), 160 ** 2);
  });

  it('falls when an edge is blurred', () => {
    const edge = (width: number) =>
      picture((x) => 100 + 100 * Math.min(1, Math.max(0, (x - 8) / width)));
    assert.ok(sharpness(edge(1), SIZE) > 2 * sharpness(edge(4), SIZE));
  });

  it('is 0 of a picture without an inside', () => {
    assert.equal(sharpness(new Uint8Array(12), { width: 2, height: 2 }), 0);
  });
});

describe('figures of pictures', () => {
  it('say how bright one is, and how different two are', () => {
    const [dark, light] = [picture(() => 40), picture(() => 70)];
    assert.equal(brightness(dark), 40);
    assert.equal(difference(dark, light), 30);
    assert.equal(difference(light, light), 0);
  });

  it('count frames a second between the first and the last', () => {
    assert.equal(frameRate([0n, 40_000_000n, 80_000_000n]), 25);
    assert.equal(frameRate([5n]), 0);
    assert.equal(frameRate([5n, 5n]), 0);
  });

  it('stay the same in a thumbnail of the same size; a smaller one takes every other pixel', () => {
    const slope = picture((x, y) => 10 * x + y);
    assert.deepEqual(thumbnail(slope, SIZE, SIZE), slope);
    const small = thumbnail(slope, SIZE, { width: 8, height: 6 });
    assert.deepEqual([small[0], small[3], small[8 * 3]], [11, 31, 13]);
  });
});
