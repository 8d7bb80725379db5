import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { approach } from '../../src/control/approach.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { embodiment, fakeRobot } from './fakeRobot.ts';

const SPEED = 0.5;

describe('the approach to a pose', () => {
  it('moves every joint there, never faster than asked', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube', cameras: [] });
    const pose = sim.positions().map((at, joint) => (joint === 2 ? 0.7 : at));
    const commands = [sim.positions()];
    const robot = {
      ...sim,
      command(positions: Float64Array) {
        commands.push(positions);
        sim.command(positions);
      },
    };
    await approach({ robot, pose, speed: SPEED });
    const arrived = sim.positions();
    for (const joint of pose.keys()) assert.ok(Math.abs(arrived[joint] - pose[joint]) < 0.1);
    for (let i = 1; i < commands.length; i++)
      for (const [joint, at] of commands[i].entries())
        assert.ok(Math.abs(at - commands[i - 1][joint]) < SPEED / 50 + 1e-9);
    const seconds = Number(sim.clock.now()) / 1e9;
    assert.ok(seconds > 0.46 / SPEED, `${seconds} s`);
    await sim.close();
  });

  it('begins where the robot stands, outside its limits too', async () => {
    const robot = fakeRobot();
    const [{ upper }] = embodiment.joints;
    robot.lie = [upper + 0.3, 0];
    await approach({ robot, pose: Float64Array.of(0, 0), speed: SPEED });
    assert.ok(robot.commands[0][0] > upper + 0.3 - SPEED / 50 - 1e-9);
  });

  it('names the joint that does not follow', async () => {
    const robot = fakeRobot();
    const stuck = { ...robot, command: () => undefined };
    const pose = Float64Array.of(0.6, 0);
    await assertRejectsAbout(approach({ robot: stuck, pose, speed: SPEED }), {
      kind: 'unready',
      fields: ['shoulder'],
      names: ['shoulder', '0.000', '0.600'],
    });
  });

  it('says what keeps it away when the guard does, the arms at rest before it', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube', cameras: [] });
    const commands: Float64Array[] = [];
    const robot = {
      ...sim,
      command(positions: Float64Array) {
        commands.push(positions);
        sim.command(positions);
      },
    };
    const pose = sim.positions();
    pose[1] = 1.2;
    await assertRejectsAbout(approach({ robot, pose, speed: 2 }), {
      kind: 'guarded',
      fields: ['left'],
      names: ['pose', 'left: its gripper', 'outside the workspace'],
    });
    assert.deepEqual(commands.at(-1), commands.at(-2));
    await sim.close();
  });

  it('does not begin without the heartbeat that it is to have', async () => {
    const robot = fakeRobot();
    const heartbeat = { source: '/deadman', age: () => Infinity };
    await assertRejectsAbout(
      approach({ robot, pose: Float64Array.of(0.6, 0), speed: SPEED, heartbeat }),
      { kind: 'guarded', fields: ['/deadman'], names: ['/deadman', 'false'] },
    );
    assert.ok(robot.commands.every(([at]) => at === 0));
  });

  it('ends where it is when it is aborted', async () => {
    const robot = fakeRobot();
    const abort = new AbortController();
    const moving = approach({
      robot: {
        ...robot,
        command(positions) {
          robot.command(positions);
          if (robot.commands.length === 10) abort.abort();
        },
      },
      pose: Float64Array.of(0.8, 0),
      speed: SPEED,
      signal: abort.signal,
    });
    await moving;
    assert.equal(robot.commands.length, 10);
  });
});
