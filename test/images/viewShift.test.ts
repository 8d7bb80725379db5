import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { startingAdapter } from '../learning/attempts.ts';
import { SESSION } from '../learning/bandit.ts';
import { tinyBundle, writeTinyBundle } from '../learning/tiny.ts';
import { withFolder } from '../onnx/run.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { placingOf } from '../../src/images/scaling.ts';
import { type Sampler, openSampler } from '../../src/policy/sampler.ts';
import {
  FARTHEST_VIEW,
  exploredView,
  lookAside,
  straightView,
} from '../../src/images/viewShift.ts';

const SIDE = 8;
const CAMERAS = tinyBundle.cameras.length;

const pictureOf = (seed: number, side = SIDE) =>
  Uint8Array.from(
    { length: side * side * 3 },
    (_, i) => (i * 37 + seed * 101 + (i % 7) * 13) % 256,
  );

/** Pixel by pixel. */
function movedPicture(
  square: Uint8Array,
  side: number,
  size: { width: number; height: number },
  dx: number,
  dy: number,
) {
  const { left, top, columns, rows } = placingOf(size, side);
  const target = square.slice();
  const within = (at: number, from: number, count: number) =>
    Math.max(from, Math.min(from + count - 1, at));
  for (let y = top; y < top + rows; y++)
    for (let x = left; x < left + columns; x++)
      for (let c = 0; c < 3; c++)
        target[3 * (y * side + x) + c] =
          square[3 * (within(y + dy, top, rows) * side + within(x + dx, left, columns)) + c];
  return target;
}

const OBSERVATION = { state: new Float64Array(3), prompt: 'go' };
const image = (pixels: Uint8Array) => ({ width: SIDE, height: SIDE, pixels });

const withSampler = (body: (sampler: Sampler, folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    await writeTinyBundle(folder, 4);
    const sampler = await openSampler(await loadBundle(folder), SESSION, {
      trainable: { parameters: 'expert' },
    });
    try {
      await body(sampler, folder);
    } finally {
      await sampler.close();
    }
  });

describe('a view', () => {
  const place = fc.record({
    side: fc.integer({ min: 4, max: 24 }),
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
  });
  const lookedAside = (
    square: Uint8Array,
    { side, ...size }: { side: number; width: number; height: number },
    pixels: readonly number[],
  ) => {
    const target = new Uint8Array(square.length);
    lookAside(square, side, placingOf(size, side), pixels.map((count) => count / side), target); // prettier-ignore
    return target;
  };

  it('moves what a picture shows by whole pixels, repeats its edges and leaves the bars around it', () => {
    const pixels = fc.integer({ min: -4, max: 4 });
    fc.assert(
      fc.property(place, pixels, pixels, (one, dx, dy) => {
        const { side, width } = one;
        const square = pictureOf(width, side);
        assert.deepEqual(lookedAside(square, one, [dx, dy]), movedPicture(square, side, one, dx, dy)); // prettier-ignore
      }),
    );
  });

  it('interpolates between pixels: a slope stays one, away from the edges', () => {
    const side = 16;
    const shade = (x: number, y: number) => 60 + 5 * x + 3 * y;
    const square = new Uint8Array(side * side * 3);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) square.fill(shade(x, y), 3 * (y * side + x), 3 * (y * side + x) + 3); // prettier-ignore
    const share = fc.double({ min: -2, max: 2, noNaN: true });
    fc.assert(
      fc.property(share, share, (dx, dy) => {
        const moved = lookedAside(square, { side, width: 8, height: 8 }, [dx, dy]);
        for (let y = 4; y < side - 4; y++)
          for (let x = 4; x < side - 4; x++)
            assert.ok(Math.abs(moved[3 * (y * side + x)] - shade(x + dx, y + dy)) <= 0.501);
      }),
    );
  });

  it('leaves one shade as it is, and stays within bytes at sharp edges', () => {
    const share = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(
      fc.property(place, share, share, fc.integer({ min: 0, max: 255 }), (one, dx, dy, shade) => {
        const { side } = one;
        const grey = new Uint8Array(side * side * 3).fill(shade);
        assert.deepEqual(lookedAside(grey, one, [dx, dy]), grey);
        const edge = grey.map((_, i) => (i % 6 < 3 ? 0 : 255));
        const moved = lookedAside(edge, { side, width: side, height: side }, [0.5, 0]);
        // Half way between black and white, but at the ends, where the edge is repeated.
        for (let i = 6; i < 3 * side - 9; i++) assert.ok(Math.abs(moved[i] - 127.5) <= 0.5);
      }),
    );
  });

  it('of an adapter gives the chunk of pictures that are moved so, and is told with it', () =>
    withSampler(async (sampler, folder) => {
      const pictures = [pictureOf(1), pictureOf(2)];
      const adapter = await startingAdapter(folder);
      await sampler.adopt(adapter);
      const size = { width: SIDE, height: SIDE };
      const moved = [
        movedPicture(pictures[0], SIDE, size, 1, -2),
        movedPicture(pictures[1], SIDE, size, 0, 2),
      ];
      const images = moved.map(image);
      const expected = await sampler.sample({ ...OBSERVATION, images, noise: 'zero' });
      assert.equal(expected.view, undefined);

      const view = Float32Array.of(1 / SIDE, -2 / SIDE, 0, 2 / SIDE);
      await sampler.adopt({ ...adapter, view });
      const sample = () =>
        sampler.sample({ ...OBSERVATION, images: pictures.map(image), noise: 'zero' });
      const chunk = await sample();
      assert.deepEqual(chunk.actions, expected.actions);
      assert.deepEqual(chunk.view, view);
      assert.deepEqual((await sample()).actions, expected.actions);
    }));

  it('is explored by attempts, each in its own way and with all its chunks', () =>
    withSampler(async (sampler) => {
      const exploration = explorationSchema.parse({ size: 0, view: 0.05 });
      const viewAt = async (seed: number, attempt: number) => {
        const noise = { seed, attempt, exploration };
        const images = [pictureOf(1), pictureOf(2)].map(image);
        return (await sampler.sample({ ...OBSERVATION, images, noise })).view!;
      };
      assert.deepEqual(await viewAt(1, 5), await viewAt(2, 5));
      assert.notDeepEqual(await viewAt(1, 5), await viewAt(1, 6));
    }));

  it('is explored with its size in each number, and never beyond its reach', () => {
    const straight = straightView(CAMERAS);
    const draws = Array.from({ length: 2000 }, (_, attempt) =>
      exploredView(straight, [...straight].fill(0.03), attempt),
    );
    for (let i = 0; i < straight.length; i++) {
      const deviation = Math.sqrt(
        draws.reduce((sum, view) => sum + view[i] ** 2, 0) / draws.length,
      );
      assert.ok(Math.abs(deviation - 0.03) < 0.002, `deviation ${deviation}`);
    }
    const far = exploredView(straight.map(() => FARTHEST_VIEW), [...straight].fill(0.1), 3); // prettier-ignore
    assert.ok(far.every((share) => Math.abs(share) <= FARTHEST_VIEW));
  });
});
