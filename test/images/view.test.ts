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
  viewOfCamera,
} from '../../src/images/view.ts';

const SIDE = 8;
const CAMERAS = tinyBundle.cameras.length;

const pictureOf = (seed: number, side = SIDE) =>
  Uint8Array.from(
    { length: side * side * 3 },
    (_, i) => (i * 37 + seed * 101 + (i % 7) * 13) % 256,
  );

/** Half of the field of view that a view assumes, radians. */
const HALF_FIELD = Math.PI / 6;

/**
 * Where a pixel of a turned camera lies in the picture of the camera as it was, pixels: its ray, turned by Rodrigues'
 * formula about the axis that brings the centre to (right, down), meets the image plane there.
 */
function sourceOf(side: number, [right, down]: readonly number[], [x, y]: readonly number[]) {
  const focal = side / 2 / Math.tan(HALF_FIELD);
  const aside = Math.hypot(right, down);
  const angle = Math.atan2(aside * side, focal);
  const axis = aside === 0 ? [0, 0, 0] : [-down / aside, right / aside, 0];
  const centre = (side - 1) / 2;
  const ray = [x - centre, y - centre, focal];
  const cross = [
    axis[1] * ray[2] - axis[2] * ray[1],
    axis[2] * ray[0] - axis[0] * ray[2],
    axis[0] * ray[1] - axis[1] * ray[0],
  ];
  const along = axis[0] * ray[0] + axis[1] * ray[1] + axis[2] * ray[2];
  const [u, v, depth] = ray.map(
    (part, i) =>
      part * Math.cos(angle) + cross[i] * Math.sin(angle) + axis[i] * along * (1 - Math.cos(angle)),
  );
  return [centre + (focal * u) / depth, centre + (focal * v) / depth];
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
    view: readonly number[],
  ) => {
    const target = new Uint8Array(square.length);
    lookAside(square, side, placingOf(size, side), view, target);
    return target;
  };

  it('shows what a turned camera would see', () => {
    const side = 24;
    const shade = (x: number, y: number) => 60 + 4 * x + 3 * y;
    const square = new Uint8Array(side * side * 3);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) square.fill(shade(x, y), 3 * (y * side + x), 3 * (y * side + x) + 3); // prettier-ignore
    const share = fc.double({ min: -0.15, max: 0.15, noNaN: true });
    fc.assert(
      fc.property(share, share, (right, down) => {
        const moved = lookedAside(square, { side, width: 8, height: 8 }, [right, down]);
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++) {
            const [fromX, fromY] = sourceOf(side, [right, down], [x, y]);
            const isInside = [fromX, fromY].every((at) => at >= 1 && at < side - 2);
            if (isInside)
              assert.ok(Math.abs(moved[3 * (y * side + x)] - shade(fromX, fromY)) <= 0.501);
          }
      }),
    );
  });

  it('brings what lies aside to the centre', () => {
    const side = 25;
    const square = pictureOf(3, side);
    const pixels = fc.integer({ min: -6, max: 6 });
    fc.assert(
      fc.property(pixels, pixels, (right, down) => {
        const moved = lookedAside(square, { side, width: 8, height: 8 }, [right / side, down / side]); // prettier-ignore
        const at = (x: number, y: number) => 3 * (y * side + x);
        assert.equal(moved[at(12, 12)], square[at(12 + right, 12 + down)]);
      }),
    );
  });

  it('is the picture itself where it looks straight, and leaves the bars around it', () => {
    const share = fc.double({ min: -0.2, max: 0.2, noNaN: true });
    fc.assert(
      fc.property(place, share, share, ({ side, ...size }, right, down) => {
        const square = pictureOf(size.width, side);
        assert.deepEqual(lookedAside(square, { side, ...size }, [0, 0]), square);
        const moved = lookedAside(square, { side, ...size }, [right, down]);
        const { left, top, columns, rows } = placingOf(size, side);
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++) {
            if (x >= left && x < left + columns && y >= top && y < top + rows) continue;
            const at = 3 * (y * side + x);
            assert.deepEqual(moved.subarray(at, at + 3), square.subarray(at, at + 3));
          }
      }),
    );
  });

  it('leaves one shade as it is', () => {
    const share = fc.double({ min: -0.25, max: 0.25, noNaN: true });
    fc.assert(
      fc.property(
        place,
        share,
        share,
        fc.integer({ min: 0, max: 255 }),
        (one, right, down, shade) => {
          const grey = new Uint8Array(one.side * one.side * 3).fill(shade);
          assert.deepEqual(lookedAside(grey, one, [right, down]), grey);
        },
      ),
    );
  });

  it('is half way between black and white at half a pixel of a sharp edge', () => {
    const side = 15;
    const edge = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i % 6 < 3 ? 0 : 255));
    const moved = lookedAside(edge, { side, width: 8, height: 8 }, [0.5 / side, 0]);
    assert.ok(Math.abs(moved[3 * (7 * side + 7)] - 127.5) <= 0.5);
  });

  it('of an adapter gives the chunk of pictures that are moved so, and is told with it', () =>
    withSampler(async (sampler, folder) => {
      const pictures = [pictureOf(1), pictureOf(2)];
      const adapter = await startingAdapter(folder);
      await sampler.adopt(adapter);
      const view = Float32Array.of(1 / SIDE, -2 / SIDE, 0, 2 / SIDE);
      const size = { side: SIDE, width: SIDE, height: SIDE };
      const moved = pictures.map((picture, i) =>
        lookedAside(picture, size, [...viewOfCamera(view, i)]),
      );
      const images = moved.map(image);
      const expected = await sampler.sample({ ...OBSERVATION, images, noise: 'zero' });
      assert.equal(expected.view, undefined);

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
