import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CameraFrame } from '../../src/robot/robot.ts';
import { createSynchroniser, describeMissing } from '../../src/control/synchroniser.ts';

const MS = 1_000_000n;
const joints = (stamp: bigint, ...position: number[]) => ({
  stamp,
  position: Float64Array.from(position),
});
const frame = (camera: string, stamp: bigint): CameraFrame => ({
  camera,
  stamp,
  width: 1,
  height: 1,
  pixels: () => Promise.resolve(new Uint8Array(3)),
});

describe('the synchroniser', () => {
  it('gives the newest of everything, frames in the order asked for', () => {
    const synchroniser = createSynchroniser(['waist']);
    synchroniser.joints(joints(2n * MS, 2));
    synchroniser.joints(joints(1n * MS, 1));
    for (const stamp of [1n, 3n, 2n]) synchroniser.frame(frame('left', stamp * MS));
    synchroniser.frame(frame('right', 2n * MS));
    const taken = synchroniser.take(['right', 'left'], 'go', 4n * MS);
    assert.ok('observation' in taken);
    const { observation } = taken;
    assert.deepEqual(observation.joints, joints(2n * MS, 2));
    assert.deepEqual(
      observation.frames.map(({ camera, stamp }) => [camera, stamp]),
      [
        ['right', 2n * MS],
        ['left', 3n * MS],
      ],
    );
    assert.equal(observation.prompt, 'go');
  });

  it('says what is missing and what is too old', () => {
    const synchroniser = createSynchroniser(['waist']);
    synchroniser.frame(frame('left', 0n));
    const taken = synchroniser.take(['left', 'right'], '', 400n * MS);
    assert.ok('missing' in taken);
    assert.deepEqual(taken.missing, [
      { source: 'joint state', age: null },
      { source: 'left', age: 400 },
      { source: 'right', age: null },
    ]);
    assert.equal(
      describeMissing(taken.missing, new Map()),
      'nothing from joint state; left is 400 ms old; nothing from right',
    );
  });

  it('refuses joint states that are not finite and counts them by joint', () => {
    const synchroniser = createSynchroniser(['waist', 'elbow']);
    synchroniser.joints(joints(0n, 1, 2));
    synchroniser.joints(joints(1n, 1, NaN));
    synchroniser.joints(joints(2n, 1, Infinity));
    synchroniser.joints(joints(3n, 1));
    assert.equal(synchroniser.newestJoints?.stamp, 0n);
    assert.deepEqual(synchroniser.refused, new Map([['elbow', 3]]));
  });
});
