import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runAttempt } from '../../src/control/attempt.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { createSpaceCheck } from '../../src/guard/armsInSpace.ts';
import type { Chunk, ChunkPolicy } from '../../src/policy/chunkPolicy.ts';
import { type Calibration, embodimentOf } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import type { Embodiment } from '../../src/robot/embodiment.ts';
import type { Task } from '../../src/robot/robot.ts';
import { robotContract } from '../robot/robotContract.ts';
import { robotOverTopics, withSmallCamera } from './fakeDriver.ts';

const ROBOTS = ['so101', 'franka', 'aloha-2.0'];

const folder = await mkdtemp(join(tmpdir(), 'nalu-robots-'));
after(() => rm(folder, { recursive: true }));

/** A policy whose chunks go to one pose after the other, at once. */
function posing(poses: readonly (readonly number[])[], cameras: readonly string[]): ChunkPolicy {
  const horizon = 20;
  let sampled = 0;
  return {
    ...{ cameras, horizon, executeSteps: 10 },
    sample(): Promise<Chunk> {
      const pose = poses[sampled++ % poses.length];
      const rows = Array.from({ length: horizon }, () => pose);
      return Promise.resolve({
        actions: Float32Array.from(rows.flat()),
        noise: new Float32Array(),
        horizon,
        policyVersion: 'poses',
        timing: { preprocess: 0, run: 0, total: 0 },
      });
    },
    close: () => Promise.resolve(),
  };
}

/** Poses beyond all limits, each joint to one side or the other. */
const beyond = ({ joints }: Embodiment, count: number): number[][] =>
  Array.from({ length: count }, (_, pose) =>
    joints.map(({ lower, upper }, joint) =>
      ((pose >> (joint % 3)) + joint) % 2 === 0 ? lower - 1 : upper + 1,
    ),
  );

const reaching = (maxSteps: number): Task => ({
  ...{ name: 'reach', prompt: 'reach out', maxSteps },
  reset: () => Promise.resolve(),
  assess: () => ({ reward: 0, success: false }),
});

/** The calibration with its grippers kept within a tenth of a metre of where they are at home. */
function narrow(calibration: Calibration): Calibration {
  const everywhere = { lower: [-9, -9, -9], upper: [9, 9, 9], enforced: true };
  const home = Float64Array.from(calibration.joints, (joint) => joint.home);
  const { space } = embodimentOf({ ...calibration, workspace: everywhere as never });
  const arms = space!.arms;
  // The way to each side of a box tells where the hand is.
  const edge = (axis: number, side: 'lower' | 'upper') => {
    const sign = side === 'lower' ? 1 : -1;
    const box = { lower: [-99, -99, -99], upper: [99, 99, 99] };
    box[side][axis] = 0;
    const into = { outside: arms.map(() => -Infinity), near: -Infinity };
    createSpaceCheck({ arms, workspace: box as never })(home, into);
    return -sign * Math.max(...into.outside) - sign * 0.1;
  };
  const workspace = {
    lower: [0, 1, 2].map((axis) => edge(axis, 'lower')),
    upper: [0, 1, 2].map((axis) => edge(axis, 'upper')),
    enforced: true,
  };
  return { ...calibration, workspace: workspace as never };
}

for (const name of ROBOTS) {
  const calibration = withSmallCamera(await loadCalibration(`calibration/${name}.yaml`));

  robotContract(
    `${name} over its driver's topics`,
    () => Promise.resolve(robotOverTopics(calibration).robot),
    false,
  );

  describe(`an attempt of ${name}`, () => {
    it('stays within limits and workspace, wherever the policy wants to go, and is recorded', async () => {
      const { robot, arms } = robotOverTopics(narrow(calibration));
      const { joints, cameras, space } = robot.embodiment;
      const check = createSpaceCheck(space!);
      const task = reaching(400);
      const recorder = await recordEpisode(folder, {
        ...{ id: name, embodiment: robot.embodiment, task: task.name, prompt: task.prompt },
        policy: 'poses',
      });
      const policy = posing(
        beyond(robot.embodiment, 8),
        cameras.map((camera) => camera.name),
      );
      const result = await runAttempt({ seed: 1, robot, task, policy, recorder });
      await robot.close();
      assert.equal(result.problem, null);
      assert.ok(result.steps >= 400);
      assert.ok(
        result.guard.some(({ rule }) => rule === 'workspace'),
        JSON.stringify(result.guard),
      );
      let moved = 0;
      for (const position of arms.passed) {
        const breach = { outside: space!.arms.map(() => -Infinity), near: -Infinity };
        check(position, breach);
        assert.ok(
          breach.outside.every((outside) => outside < 0.002),
          `${breach.outside[0]} m outside`,
        );
        joints.forEach(({ lower, upper, home }, i) => {
          assert.ok(position[i] > lower - 1e-9 && position[i] < upper + 1e-9);
          moved = Math.max(moved, Math.abs(position[i] - home));
        });
      }
      assert.ok(moved > 0.1, 'it moves');
      const episode = await readEpisode(result.episode!);
      assert.deepEqual(episode.header.embodiment, robot.embodiment);
      assert.equal(episode.commands.length, result.steps);
    });
  });
}
