import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { judgeMotion } from '../../src/calibrate/jointMotion.ts';

/** Rows [time][3] in which joint 1 goes along `path` and the others as `companions` share of it. */
const rows = (path: number[], [first, last] = [0, 0]) =>
  path.map((angle) => [first * angle, angle, last * angle]);

const ALL = { joints: [0, 1, 2], least: [0.2, 0.2, 0.2] };

describe('the move of a joint', () => {
  it('has the direction of its first move away, and the range that was visited', () => {
    const there = judgeMotion(rows([0, 0.1, 0.4, 0, -1.2, 0]), ALL);
    assert.deepEqual(there, { seen: 'move', joint: 1, direction: 1, range: [-1.2, 0.4] });
    const back = judgeMotion(rows([0, 0.05, -0.4, 0.9]), ALL);
    assert.deepEqual(back, { seen: 'move', joint: 1, direction: -1, range: [-0.4, 0.9] });
  });

  it('is told from wherever the joint stood', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0.25, max: 2, noNaN: true }),
        fc.constantFrom(1, -1),
        (began, far, direction) => {
          const motion = judgeMotion(rows([began, began + direction * far, began]), ALL);
          assert.equal(motion.seen, 'move');
          assert.equal(motion.seen === 'move' && motion.direction, direction);
        },
      ),
    );
  });

  it('is none below 0.2 rad', () => {
    assert.deepEqual(judgeMotion(rows([0, 0.19, 0]), ALL), { seen: 'still' });
    assert.deepEqual(judgeMotion(rows([0, 1]), { joints: [], least: [] }), { seen: 'still' });
  });

  it('may take others along a little, but not half as far', () => {
    assert.equal(judgeMotion(rows([0, 1], [0.4, -0.3]), ALL).seen, 'move');
    assert.deepEqual(judgeMotion(rows([0, 1], [0, -0.6]), ALL), {
      seen: 'unclear',
      joint: 1,
      companion: 2,
    });
  });

  it('is looked for only in the joints that are named', () => {
    const motion = judgeMotion(rows([0, 1], [0.4, 0]), { ...ALL, joints: [0, 2] });
    assert.equal(motion.seen === 'move' && motion.joint, 0);
  });

  it('is measured in least moves, so that metres and radians compare', () => {
    const lift = { joints: [0, 1], least: [0.05, 0.2] };
    const slid = judgeMotion([[0, 0], [0.3, 0.2]], lift); // prettier-ignore
    assert.equal(slid.seen === 'move' && slid.joint, 0);
    assert.equal(judgeMotion([[0, 0], [0.3, 0.7]], lift).seen, 'unclear'); // prettier-ignore
  });
});
