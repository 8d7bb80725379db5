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
  it('moves what a picture shows by whole pixels, repeats its edges and leaves the bars around it', () => {
    const shares = fc.double({ min: -FARTHEST_VIEW, max: FARTHEST_VIEW, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 24 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        shares,
        shares,
        (side, width, height, right, down) => {
          const square = pictureOf(width, side);
          const target = new Uint8Array(square.length);
          const size = { width, height };
          lookAside(square, side, placingOf(size, side), [right, down], target);
          const [dx, dy] = [right, down].map((share) => Math.round(share * side));
          assert.deepEqual(target, movedPicture(square, side, size, dx, dy));
        },
      ),
    );
  });

  it('of an adapter gives the chunk of pictures that are moved so, and is told with it', () =>
    withSampler(async (sampler, folder) => {
      const pictures = [pictureOf(1), pictureOf(2)];
      const adapter = await startingAdapter(folder);
      sampler.adopt(adapter);
      const size = { width: SIDE, height: SIDE };
      const moved = [
        movedPicture(pictures[0], SIDE, size, 1, -2),
        movedPicture(pictures[1], SIDE, size, 0, 2),
      ];
      const images = moved.map(image);
      const expected = await sampler.sample({ ...OBSERVATION, images, noise: 'zero' });
      assert.equal(expected.view, undefined);

      const view = Float32Array.of(1 / SIDE, -2 / SIDE, 0, 2 / SIDE);
      sampler.adopt({ ...adapter, view });
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
      exploredView(straight, 0.03, attempt),
    );
    for (let i = 0; i < straight.length; i++) {
      const deviation = Math.sqrt(
        draws.reduce((sum, view) => sum + view[i] ** 2, 0) / draws.length,
      );
      assert.ok(Math.abs(deviation - 0.03) < 0.002, `deviation ${deviation}`);
    }
    const far = exploredView(straight.map(() => FARTHEST_VIEW), 0.1, 3); // prettier-ignore
    assert.ok(far.every((share) => Math.abs(share) <= FARTHEST_VIEW));
  });
});
