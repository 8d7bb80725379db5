import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Embodiment } from '../../src/robot/embodiment.ts';
import type { CameraFrame, JointState, Robot } from '../../src/robot/robot.ts';

const PERIOD = 20_000_000n;

/** What a robot senses, kept. */
function keep(robot: Robot) {
  const states: JointState[] = [];
  const frames: CameraFrame[] = [];
  robot.observe({ joints: (state) => states.push(state), frame: (frame) => frames.push(frame) });
  return { states, frames };
}

/** Waits on the robot's own clock until something is so. */
async function until(robot: Robot, isSo: () => boolean, seconds = 5): Promise<void> {
  const deadline = robot.clock.now() + BigInt(seconds * 1e9);
  while (!isSo()) {
    assert.ok(robot.clock.now() < deadline, `not within ${seconds} s`);
    await robot.clock.until(robot.clock.now() + PERIOD);
  }
}

/** A gripper, if there is one, and a joint of an arm, the next one where there is more than one arm. */
function jointsToMove({ joints }: Embodiment) {
  const gripper = joints.findIndex(({ kind }) => kind === 'gripper');
  const arm = joints.findIndex(({ kind }, i) => kind === 'arm' && i > gripper);
  return { gripper, arm: arm >= 0 ? arm : 0 };
}

/** What every robot behind the port does; `open` gives one at rest with a camera. */
export function robotContract(name: string, open: () => Promise<Robot>, skip: string | false) {
  const withRobot = (body: (robot: Robot) => Promise<void>) => async () => {
    const robot = await open();
    try {
      await body(robot);
    } finally {
      await robot.close();
    }
  };

  describe(`a robot: ${name}`, { skip }, () => {
    it(
      'shows finite joints in the order of its embodiment, each state newer than the one before',
      withRobot(async (robot) => {
        const { states } = keep(robot);
        await until(robot, () => states.length >= 10);
        for (const [i, { stamp, position }] of states.entries()) {
          assert.equal(position.length, robot.embodiment.joints.length);
          assert.ok(position.every(Number.isFinite));
          if (i > 0) assert.ok(stamp >= states[i - 1].stamp);
        }
        assert.ok(states.at(-1)!.stamp > states[0].stamp);
      }),
    );

    it(
      'shows each camera in its size, the pixels when they are asked for',
      withRobot(async (robot) => {
        const { frames } = keep(robot);
        const cameras = robot.embodiment.cameras;
        const newest = (camera: string) => frames.findLast((frame) => frame.camera === camera);
        await until(robot, () => cameras.every((camera) => newest(camera.name)));
        for (const { name, width, height } of cameras) {
          const frame = newest(name)!;
          assert.deepEqual([frame.width, frame.height], [width, height]);
          const pixels = await frame.pixels();
          assert.equal(pixels.length, width * height * 3);
          assert.ok(new Set(pixels).size > 8, 'it is a picture');
          assert.equal(await frame.pixels(), pixels);
        }
      }),
    );

    it(
      'has senses no older than a quarter of a second by its own clock',
      withRobot(async (robot) => {
        const { states, frames } = keep(robot);
        await until(robot, () => states.length > 5 && frames.length > 2);
        for (const { stamp } of [states.at(-1)!, frames.at(-1)!]) {
          const age = Number(robot.clock.now() - stamp) / 1e9;
          assert.ok(age > -0.05 && age < 0.25, `${age} s`);
        }
      }),
    );

    it(
      'has a clock that wakes who waits, not before their time',
      withRobot(async (robot) => {
        keep(robot);
        await until(robot, () => robot.clock.now() > 0n);
        const due = robot.clock.now() + 5n * PERIOD;
        await robot.clock.until(due);
        assert.ok(robot.clock.now() >= due);
        await robot.clock.until(due - PERIOD);
      }),
    );

    it(
      'goes where it is commanded, arm and gripper, and nowhere else',
      withRobot(async (robot) => {
        const { states } = keep(robot);
        await until(robot, () => states.length > 2);
        const start = states.at(-1)!.position.slice();
        const goal = start.slice();
        const { arm, gripper } = jointsToMove(robot.embodiment);
        goal[arm] += 0.25;
        if (gripper >= 0) goal[gripper] = Math.min(1, goal[gripper] + 0.3);
        for (let step = 1; step <= 75; step++) {
          robot.command(start.map((at, joint) => at + (goal[joint] - at) * Math.min(1, step / 50)));
          await robot.clock.until(robot.clock.now() + PERIOD);
        }
        const reached = states.at(-1)!.position;
        for (const joint of goal.keys())
          assert.ok(
            Math.abs(reached[joint] - goal[joint]) < 0.08,
            `${robot.embodiment.joints[joint].name}: ${reached[joint]} for ${goal[joint]}`,
          );
      }),
    );

    it(
      'refuses a command of another length, and shows nothing once it is closed',
      withRobot(async (robot) => {
        const { states } = keep(robot);
        await until(robot, () => states.length > 2);
        const { length } = robot.embodiment.joints;
        const wrong = new RegExp(`${length} positions, not 3`);
        assert.throws(() => robot.command(new Float64Array(3)), wrong);
        await robot.close();
        const before = states.length;
        await new Promise((resolve) => setTimeout(resolve, 60));
        assert.equal(states.length, before);
        assert.throws(() => robot.command(new Float64Array(length)), /after close/);
      }),
    );
  });
}
