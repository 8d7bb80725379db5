import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { spreadOf } from '../../src/learning/train/spread.ts';
import { viewStep } from '../../src/learning/policyGradient/viewStep.ts';
import { type Places, moveViews } from '../../src/learning/policyGradient/views.ts';
import { exploredView, movedView, straightView } from '../../src/images/view.ts';
import type { RolloutChunk } from '../../src/learning/attempts/rollout.ts';

const CAMERAS = 2;
const DEVIATIONS = new Array<number>(2 * CAMERAS).fill(0.03);

const attemptsOf = (views: readonly (Float32Array | undefined)[], rewards: readonly number[]) =>
  views.map((view, i) => ({ reward: rewards[i], chunks: [{ view } as RolloutChunk] }));

describe("the view's step", () => {
  it('goes towards where attempts succeed more, and hardly anywhere else', () => {
    const views = Array.from({ length: 4000 }, (_, i) => exploredView(straightView(CAMERAS), DEVIATIONS, i)); // prettier-ignore
    const step = viewStep(attemptsOf(views, views.map((view) => Number(view[3] > 0))), CAMERAS)!; // prettier-ignore
    // The mean of a Gaussian times its own sign.
    assert.ok(Math.abs(step[3] - 0.03 * Math.sqrt(2 / Math.PI)) < 0.001, `step ${step[3]}`);
    for (const other of step.subarray(0, 3)) assert.ok(Math.abs(other) < 0.0015, `step ${other}`);
  });

  it('is never longer than the spread of the views, whatever the outcomes', () => {
    const numbers = fc.array(fc.float({ min: Math.fround(-0.2), max: Math.fround(0.2), noNaN: true }), { minLength: 4, maxLength: 4 }); // prettier-ignore
    fc.assert(
      fc.property(
        fc.array(fc.tuple(numbers, fc.boolean()), { minLength: 2, maxLength: 30 }),
        (attempts) => {
          const views = attempts.map(([view]) => Float32Array.from(view));
          const rewards = attempts.map(([, success]) => Number(success));
          viewStep(attemptsOf(views, rewards), CAMERAS)?.forEach((way, i) => {
            const { deviation } = spreadOf(views.map((view) => view[i]));
            assert.ok(Math.abs(way) <= deviation + 1e-6);
          });
        },
      ),
    );
  });

  it('is none where all attempts end alike, or look the same way', () => {
    const view = Float32Array.of(0.1, 0, 0, 0);
    assert.equal(viewStep(attemptsOf([view, view.map((x) => -x)], [1, 1]), CAMERAS), undefined);
    assert.equal(viewStep(attemptsOf([view, view], [1, 0]), CAMERAS), undefined);
    assert.equal(viewStep(attemptsOf([undefined, undefined], [1, 0]), CAMERAS), undefined);
  });

  it('finds in 512 attempts where cameras that were moved show the same as before', () => {
    const right = Float32Array.of(0.02, -0.05, 0, 0.06);
    const missed = (view: Float32Array) =>
      Math.hypot(...view.map((share, i) => share - right[i])) / 0.06;
    let view = straightView(CAMERAS);
    const before = missed(view);
    for (let update = 0; update < 8; update++) {
      const views = Array.from({ length: 64 }, (_, i) =>
        exploredView(view, DEVIATIONS, 64 * update + i),
      );
      const rewards = views.map((one) => Number(missed(one) < 1));
      const step = viewStep(attemptsOf(views, rewards), CAMERAS);
      if (step) view = movedView(view, step);
    }
    assert.ok(before > 1.2 && missed(view) < 0.4, `${before} to ${missed(view)}`);
  });
});

describe('the views of several robots', () => {
  const places = (): Places => ({
    view: straightView(CAMERAS),
    offset: new Float32Array(3),
    own: new Map(),
  });
  /** Attempts of a robot of which those succeed that look to one side in the first picture. */
  const attempts = (robot: string | undefined, side: 1 | -1, count: number) => {
    const views = Array.from({ length: count }, (_, i) => exploredView(straightView(CAMERAS), DEVIATIONS, i)); // prettier-ignore
    return attemptsOf(views, views.map((view) => Number(side * view[0] > 0))).map((made) => ({ ...made, robot })); // prettier-ignore
  };

  it('move each by its own attempts, where together they would stay', () => {
    const now = places();
    const moved = moveViews(now, 1, [...attempts('left', -1, 400), ...attempts('right', 1, 400)]);
    assert.deepEqual(Object.keys(moved.own!), ['left', 'right']);
    assert.ok(now.own.get('left')!.view![0] < -0.008 && now.own.get('right')!.view![0] > 0.008);
    assert.equal(moved.view, undefined);
    assert.deepEqual(now.view, straightView(CAMERAS), 'a robot unknown looks on as it did');
  });

  it('move as far by an attempt however many robots there are, and on from where they are', () => {
    const [alone, beside] = [places(), places()];
    moveViews(alone, 0.5, attempts('left', 1, 100));
    moveViews(beside, 1, [...attempts('left', 1, 100), ...attempts('right', 1, 100)]);
    assert.deepEqual(beside.own.get('left'), alone.own.get('left'));
    const [before] = alone.own.get('left')!.view!;
    moveViews(alone, 0.5, attempts('left', 1, 100));
    assert.ok(Math.abs(alone.own.get('left')!.view![0] - 2 * before) < 1e-6);
  });

  it('are one where it is not known who made an attempt', () => {
    const now = places();
    const { view, own } = moveViews(now, 1, attempts(undefined, 1, 100));
    assert.ok(view![0] > 0.008 && own === undefined && now.own.size === 0);
  });
});
