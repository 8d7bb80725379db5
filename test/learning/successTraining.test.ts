import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureSuccess, trainSuccess } from '../../src/learning/classifier/successTraining.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const SIDE = 32;

/** Noise with a bright block of 6×6 pixels anywhere in the left half, or in the right one for success. */
function frames(count: number, seed: number) {
  const draw = uniformNumbers(seed);
  return Array.from({ length: count }, (_, i) => {
    const success = i % 2 === 1;
    const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => 100 + 20 * draw());
    const left = Math.floor(draw() * 10) + (success ? 16 : 0);
    const top = Math.floor(draw() * 26);
    for (let row = top; row < top + 6; row++)
      pixels.fill(220, (row * SIDE + left) * 3, (row * SIDE + left + 6) * 3);
    return { pixels, success, reached: success };
  });
}

describe('training of a success classifier', () => {
  it('learns where something must be, from frames alone, to the same numbers at each run', async () => {
    const training = { side: SIDE, steps: 150, seed: 3 };
    const learned = await trainSuccess(frames(300, 1), training, SESSION, () => undefined);
    const looks = { side: SIDE, threshold: 0.5, agree: 1 };
    const { frames: found } = await measureSuccess([frames(100, 2)], learned, looks, SESSION);
    assert.ok(found.right >= 47 && found.wrong <= 3, JSON.stringify(found));
    const short = { ...training, steps: 5 };
    const run = () => trainSuccess(frames(64, 1), short, SESSION, () => undefined);
    assert.deepEqual(await run(), await run());
  });

  it('counts a verdict on an attempt as right only if success had been reached by then', async () => {
    const learned = await trainSuccess(
      frames(300, 1),
      { side: SIDE, steps: 150, seed: 3 },
      SESSION,
      () => undefined,
    );
    const shows = frames(40, 4).filter(({ success }) => success);
    const not = frames(40, 4).filter(({ success }) => !success);
    const early = shows.map((frame) => ({ ...frame, reached: false }));
    const late = not.map((frame) => ({ ...frame, reached: true }));
    const looks = { side: SIDE, threshold: 0.5, agree: 3 };
    const { attempts } = await measureSuccess([shows, not, early, late], learned, looks, SESSION);
    assert.deepEqual(attempts, { right: 1, wrong: 1, lacking: 1 });
  });
});
