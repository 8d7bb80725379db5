import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Calibration } from '../../src/robot/calibration.ts';
import type { CameraFrame, JointState } from '../../src/robot/robot.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { simulatedDrivers } from '../../src/sim/simulatedDrivers.ts';
import { simulatedHand } from '../../src/sim/simulatedHand.ts';
import { period } from './driving.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { assertRejectsAbout } from '../refusals.ts';

const built = await loadCalibration(SIM_CALIBRATION);
const HIGH = '/cam_high/camera/color/image_rect_raw';

/** Reads the simulated robot as `read` says, for some control steps. */
async function sense(read: Calibration, steps: number, delays = new Map<string, number>()) {
  const sim = await simulatedAloha({ task: 'transfer-cube' });
  try {
    const robot = simulatedDrivers({ sim, built, read, delays });
    const states: JointState[] = [];
    const frames: { frame: CameraFrame; at: bigint }[] = [];
    robot.observe({
      joints: (state) => states.push(state),
      frame: (frame) => frames.push({ frame, at: robot.clock.now() }),
    });
    await sim.reset(0);
    for (let step = 1; step < steps; step++) await robot.clock.until(robot.clock.now() + period);
    return { states, frames, positions: sim.positions() };
  } finally {
    await sim.close();
  }
}

const withJoint = (name: string, change: object): Calibration => ({
  ...built,
  joints: built.joints.map((joint) => (joint.name === name ? { ...joint, ...change } : joint)),
});

describe('the simulated ALOHA behind its drivers', () => {
  it('is as the simulator has it when it is read as it is built', async () => {
    const { states, positions } = await sense(built, 1);
    states[0].position.forEach((value, joint) =>
      assert.ok(Math.abs(value - positions[joint]) < 1e-12),
    );
  });

  it('shows a wrong sign, offset or gripper set as a wrong position', async () => {
    const { states, positions } = await sense(
      withJoint('left_elbow', { sign: -1, offset: 0.25 }),
      1,
    );
    assert.ok(Math.abs(states[0].position[2] - (0.25 - positions[2])) < 1e-12);
  });

  it('refuses joints that it does not have', async () => {
    await assertRejectsAbout(sense(withJoint('left_elbow', { joint: 'knee' }), 1), {
      kind: 'mismatch',
      fields: ['left_elbow'],
      names: ['left_elbow', 'knee', 'follower_left'],
    });
  });

  it('sends images by their topic, and late where they are delayed', async () => {
    const [high, low, ...others] = built.cameras;
    const read = {
      ...built,
      cameras: [{ ...high, topic: low.topic }, { ...low, topic: high.topic }, ...others],
    };
    const { frames } = await sense(read, 6, new Map([[HIGH, 0.05]]));
    const [delayed] = frames.filter(({ frame }) => frame.camera === 'cam_low');
    assert.equal(delayed.frame.stamp, period + 50_000_000n);
    assert.ok(delayed.at >= delayed.frame.stamp);
    const punctual = frames.find(({ frame }) => frame.camera === 'cam_high')!;
    assert.equal(punctual.frame.stamp, period);
  });
});

describe('a hand on the simulated arms', () => {
  it('swings a joint to where its position is larger first, and leaves the others', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube' });
    try {
      await sim.reset(0);
      const waist: number[] = [];
      const others: number[] = [];
      sim.observe({
        joints: ({ position }) => {
          waist.push(position[0]);
          others.push(Math.abs(position[1] - sim.embodiment.joints[1].home));
        },
        frame: () => undefined,
      });
      await simulatedHand(sim).swing(0);
      const first = waist.find((angle) => Math.abs(angle) > 0.2)!;
      assert.ok(first > 0);
      assert.ok(Math.max(...waist) > 0.4 && Math.min(...waist) < -0.4);
      assert.ok(Math.abs(waist.at(-1)!) < 0.05);
      assert.ok(Math.max(...others) < 0.1);
    } finally {
      await sim.close();
    }
  });

  it('stops when it is told to', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube' });
    try {
      const hand = simulatedHand(sim, AbortSignal.abort(new Error('told')));
      await assert.rejects(hand.jerk(10), /told/);
    } finally {
      await sim.close();
    }
  });
});
