import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { drawnArms, extentOf, extentOfPath, tipPaths } from '../../src/console/page/draw/arms.ts';
import { KEYS, newOrbit, type Orbit } from '../../src/console/page/draw/orbit.ts';
import { projection } from '../../src/console/page/draw/projection.ts';
import { partsOfVerdict } from '../../src/console/page/compare/verdict.ts';
import { attemptCurve, successCurve, valueCurves } from '../../src/console/page/learn/curves.ts';
import { ancestorsOf } from '../../src/console/page/learn/lineage.ts';
import type { AttemptLine } from '../../src/console/protocol.ts';
import { sideOf } from '../../src/rollouts/comparison.ts';
import { embodimentOf } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { kinematicsOf } from '../../src/robot/kinematicsOf.ts';

const { space, joints } = embodimentOf(await loadCalibration('calibration/aloha-sim.yaml'));
const arms = space!.arms;
/** m, of a point within reach. */
const coordinate = fc.double({ min: -0.5, max: 0.5, noNaN: true });
const home = joints.map((joint) => joint.home);

describe("the page's view in space", () => {
  it("leads each gripper's way through the fingertips of every row", () => {
    const raised = home.map((value, i) =>
      joints[i].name.endsWith('shoulder') ? value + 0.3 : value,
    );
    const rows = Float32Array.from([...home, ...raised]);
    const paths = tipPaths(drawnArms(arms), rows, 2);
    arms.forEach((arm, i) => {
      const line = kinematicsOf(arm);
      const points = new Float64Array(3 * line.points);
      [home, raised].forEach((positions, row) => {
        line.write(Float32Array.from(positions), arm.joints, arm.base, points);
        assert.deepEqual([...paths[i].subarray(3 * row, 3 * row + 3)], [...points.subarray(-3)]);
      });
    });
  });

  it('keeps its middle in the middle, and all of it finite, however it is turned', () => {
    const extent = extentOf(arms);
    const keys = fc.array(fc.constantFrom(...Object.keys(KEYS)), { maxLength: 60 });
    fc.assert(
      fc.property(keys, (pressed) => {
        const orbit = pressed.reduce<Orbit>((seen, key) => KEYS[key](seen), newOrbit().value);
        const project = projection(orbit, extent, 400, 300);
        const [x, y] = project(...extent.centre);
        assert.ok(Math.abs(x - 200) < 1e-9 && Math.abs(y - 150) < 1e-9);
        for (const arm of drawnArms(arms)) {
          const points = arm.at(home);
          for (let i = 0; i < points.length; i += 3)
            assert.ok(project(points[i], points[i + 1], points[i + 2]).every(Number.isFinite));
        }
      }),
    );
  });

  it('shows all of a way in its close-up, in a round number of centimetres', () => {
    const ways = fc.array(fc.tuple(coordinate, coordinate, coordinate), { minLength: 1, maxLength: 60 }); // prettier-ignore
    fc.assert(
      fc.property(ways, (points) => {
        const { centre, radius } = extentOfPath(Float64Array.from(points.flat()));
        const farthest = Math.max(...points.map((point) => Math.hypot(...point.map((one, i) => one - centre[i])))); // prettier-ignore
        assert.ok(farthest <= radius);
        assert.ok([1, 2, 5, 10, 20, 50, 100].includes(100 * radius));
      }),
    );
  });

  it('draws what is higher further up', () => {
    const project = projection(newOrbit().value, extentOf(arms), 400, 300);
    assert.ok(project(0, 0.5, 0.4)[1] < project(0, 0.5, 0)[1]);
  });
});

describe("the page's curve of success", () => {
  const attempt = (outcome: AttemptLine['outcome'], i: number): AttemptLine => ({
    ...{ at: i, attempt: i + 1, outcome, version: 'v', seconds: 1 },
  });

  it('has held-out evaluations beside the batches, at the attempts that they were made after', () => {
    const point = { at: 0, update: 1, episodes: 24, attempts: 24, successes: 12 };
    const [episodes, , , rate, random, zero] = successCurve(
      [{ ...point, interval: [0.3, 0.7] }],
      [{ episodes: 0, attempts: 50, random: 10, zero: 20 }, { episodes: 24, attempts: 50, random: 25, zero: 30 }], // prettier-ignore
    );
    assert.deepEqual(episodes, [0, 24]);
    assert.deepEqual([rate, random, zero], [[null, 0.5], [0.2, 0.5], [0.4, 0.6]]); // prettier-ignore
  });

  it('counts no discarded attempts', () => {
    const outcomes = ['success', 'discarded', 'failure'] as const;
    const [attempts, , , rate] = attemptCurve(outcomes.map(attempt));
    assert.deepEqual([attempts, rate], [[1, 2], [1, 0.5]]); // prettier-ignore
  });
});

describe("the page's curves of the critics' values", () => {
  it('have a point where an attempt has one, at its own time', () => {
    const attempts = [
      { times: [0, 0.5, 1], values: [0.5, 0.6, 0.7] },
      { times: [0, 0.75], values: [0.4, 0.2] },
    ];
    assert.deepEqual(valueCurves(attempts), [
      [0, 0.5, 0.75, 1],
      [0.5, 0.6, null, 0.7],
      [0.4, null, 0.2, null],
    ]);
  });
});

describe('the verdict of a comparison', () => {
  const verdict = (said: string) => {
    const [a, b] = ['aloha@fe2d56e8', 'aloha@fe2d56e8+cc8f'].map((version) => sideOf(version, { attempts: 4, successes: 2 })); // prettier-ignore
    return partsOfVerdict({ a, b, verdict: said });
  };

  it('has its counts and what is needed in sentences of their own, with the versions as they are called', () => {
    assert.deepEqual(
      verdict('no difference shown (aloha@fe2d56e8 1 of 4, aloha@fe2d56e8+cc8f 3 of 4: p = 0.49); to tell 25 % from 75 % takes 14 attempts of each'), // prettier-ignore
      ['no difference shown', '(fe2d56e8 1 of 4, cc8f 3 of 4: p = 0.49)', 'to tell 25 % from 75 % takes 14 attempts of each'], // prettier-ignore
    );
    assert.deepEqual(verdict('ended by Ada after 2 of 8 attempts: no verdict'), ['ended by Ada after 2 of 8 attempts: no verdict']); // prettier-ignore
  });
});

describe('the versions that can be rolled back to', () => {
  it('are those that the present one descends from, without itself and without other lines', () => {
    const versions = [
      { version: 'first', parent: null },
      { version: 'second', parent: 'first' },
      { version: 'aside', parent: 'first' },
      { version: 'third', parent: 'second' },
    ];
    assert.deepEqual([...ancestorsOf(versions, 'third')], ['second', 'first']);
    assert.deepEqual([...ancestorsOf(versions, 'first')], []);
    assert.deepEqual([...ancestorsOf(versions, undefined)], []);
    assert.deepEqual([...ancestorsOf([{ version: 'a', parent: 'a' }], 'a')], ['a']);
  });
});
