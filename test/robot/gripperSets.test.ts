import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gripperSetOf, nearestGripperSet } from '../../src/robot/gripperSets.ts';
import { GRIPPER_SETS } from '../../src/robot/gripperSets.ts';

describe('the set of a gripper', () => {
  it('is found from its own angles, exactly and nearly', () => {
    for (const [set, angles] of Object.entries(GRIPPER_SETS)) {
      assert.equal(gripperSetOf(angles), set);
      const near = { closed: angles.closed + 0.15, open: angles.open - 0.06 };
      const match = nearestGripperSet(near);
      assert.equal(match.set, set);
      assert.equal(match.fits, true);
      assert.ok(Math.abs(match.distance - 0.15) < 1e-12);
    }
  });

  it('is none where an end lies far from all of them', () => {
    assert.equal(nearestGripperSet({ closed: -0.3, open: 2.1 }).fits, false);
    assert.equal(gripperSetOf({ closed: -0.3, open: 2.1 }), undefined);
  });

  it('does not fit a gripper that counts backwards', () => {
    assert.equal(nearestGripperSet({ closed: 1.491, open: -0.6213 }).fits, false);
  });
});
