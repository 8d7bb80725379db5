import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { hasInterbotixMessages } from '../../src/ros/operatingModes.ts';
import type { Ros, RosNode } from '../../src/ros/rclnodejs.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { assertSaid, assertSaidIn, isSaidIn } from '../refusals.ts';
import { startDriver } from './driver.ts';
import { call, initRos, skip, startNode, until } from './ros.ts';

const TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory';
const TRAJECTORIES = '/follower_left/joint_trajectory_controller/joint_trajectory';
const ARMS = { calibration: SIM_CALIBRATION, output: 'trajectory', ignore_misfits: true };
const REHEARSAL = { ...ARMS, use_sim_time: true, reset_service: '/aloha_sim/reset' };
const SECOND = 1_000_000_000n;

/** What stands around a robot's node and is not as it should be. */
describe("the policy's node among others", { skip }, () => {
  let ros: Ros;
  let person: RosNode;
  let closers: (() => unknown)[] = [];
  const commands: { at: number; positions: number[] }[] = [];

  before(async () => {
    ros = await initRos();
    person = ros.createNode('person');
    const topic = '/follower_right/joint_trajectory_controller/joint_trajectory';
    person.createSubscription(TRAJECTORY, topic, {}, ({ points }: { points: { positions: Float64Array }[] }) =>
      commands.push({ at: performance.now(), positions: [...points[0].positions] }),
    ); // prettier-ignore
    person.spin();
  });
  afterEach(async () => {
    for (const close of closers.reverse()) await close();
    closers = [];
    commands.length = 0;
    await setTimeout(200);
  });
  after(() => ros.shutdown());

  const start = (...given: Parameters<typeof startNode>) => {
    const node = startNode(...given);
    closers.push(() => node.stop('SIGTERM'));
    return node;
  };
  const driver = async (options: Parameters<typeof startDriver>[1] = {}) => {
    const started = await startDriver(ros, options);
    closers.push(() => started.close());
    return started;
  };
  const says = (node: ReturnType<typeof startNode>, ...names: string[]) =>
    until(
      () => isSaidIn(node.said(), ...names),
      () => `${names.join(', ')}; ${node.output()}`,
      40,
    );
  const moves = (node: ReturnType<typeof startNode>) =>
    until(
      () => commands.length > 30,
      () => `motion; ${node.output()}`,
      40,
    );
  /** Waits until the last command repeats the one before. */
  const isAtRest = () =>
    until(
      () => isDeepStrictEqual(commands.at(-1)!.positions, commands.at(-2)!.positions),
      () => JSON.stringify(commands.slice(-2)),
    );

  for (const [what, options, ...complaint] of [
    [
      'joint states of a clock that is ahead',
      { stampJoints: (now) => now + 5n * SECOND },
      '/follower_left/joint_states',
      '5.0 s ahead',
    ],
    [
      'joint states of a clock that is behind',
      { stampJoints: (now) => now - 60n * SECOND },
      '/follower_left/joint_states',
      '60 s behind',
    ],
    [
      'joint states without a stamp',
      { stampJoints: () => 0n },
      '/follower_left/joint_states',
      'without a stamp',
    ],
    [
      'images of a clock that is ahead',
      { stampImages: (now) => now + 5n * SECOND },
      'cam_high',
      '5.0 s ahead',
    ],
    ['images without a stamp', { stampImages: () => 0n }, 'cam_high', 'without a stamp'],
  ] as [string, Parameters<typeof startDriver>[1], string, string][])
    // prettier-ignore
    it(`does not become active on ${what}, and says so`, async () => {
      await driver(options);
      const nalu = start('policyMain', { ...ARMS, autostart: true, attempts: 1 });
      await says(nalu, ...complaint);
      assert.equal(commands.length, 0);
    });

  it('ends an attempt, by name, when the clock of the driver is set in motion', async () => {
    let ahead = 0n;
    await driver({ stampJoints: (now) => now + ahead });
    const nalu = start('policyMain', { ...ARMS, autostart: true, attempts: 1 });
    await moves(nalu);
    ahead = 5n * SECOND;
    await says(nalu, 'attempt 1: discarded', '5.0 s ahead');
    await isAtRest();
  });

  it('ends an attempt within a second when another node comes to command an arm', async () => {
    await driver();
    const nalu = start('policyMain', { ...ARMS, autostart: true, attempts: 1 });
    await moves(nalu);
    const rival = ros.createNode('teleoperation');
    closers.push(() => rival.destroy());
    rival.createPublisher(TRAJECTORY, TRAJECTORIES);
    await says(nalu, 'attempt 1: discarded', '/teleoperation', TRAJECTORIES);
    await isAtRest();
    const { success, message } = await call(person, 'std_srvs/srv/Trigger', '/nalu/start');
    assert.equal(success, false, 'and does not begin another one beside it');
    assertSaid(message as string, '/teleoperation', TRAJECTORIES);
  });

  it('tells of a /clock that stands, ends the attempt, and refuses the next one', async () => {
    const sim = start('simMain', {});
    const nalu = start('policyMain', { ...REHEARSAL, autostart: true });
    await says(nalu, 'ready');
    await until(
      () => {
        if (commands.length === 0) void call(person, 'std_srvs/srv/Trigger', '/nalu/start');
        return commands.length > 30;
      },
      () => nalu.output(),
      40,
    );
    await sim.stop('SIGKILL');
    await says(nalu, 'attempt 1: discarded', 'clock', 'stood');
    await isAtRest();
    const { success, message } = await call(person, 'std_srvs/srv/Trigger', '/nalu/start');
    assert.equal(success, false);
    assertSaid(message as string, '/clock', 'stood still');
  });

  it('lets go of a reset that is never answered, when it is stopped', async () => {
    await driver();
    const deaf = ros.createNode('deaf');
    closers.push(() => deaf.destroy());
    let asked = 0;
    deaf.createService('std_srvs/srv/Trigger', '/deaf/reset', {}, () => {
      asked += 1;
    });
    deaf.spin();
    const nalu = start('policyMain', { ...ARMS, reset_service: '/deaf/reset', autostart: true });
    await says(nalu, 'ready', '/nalu/start');
    const started = call(person, 'std_srvs/srv/Trigger', '/nalu/start');
    await until(
      () => asked > 0,
      () => nalu.output(),
    );
    await call(person, 'std_srvs/srv/Trigger', '/nalu/stop');
    const { success, message } = await started;
    assert.equal(success, false);
    assertSaid(message as string, 'by hand');
    const latched = await call(person, 'std_srvs/srv/Trigger', '/nalu/start');
    assertSaid(latched.message as string, 'by hand', 'resume');
    await call(person, 'std_srvs/srv/Trigger', '/nalu/resume');
    void call(person, 'std_srvs/srv/Trigger', '/nalu/start');
    await until(
      () => asked > 1,
      () => 'the next start',
    );
    assert.equal(await nalu.stop('SIGINT'), 0, 'of itself, and not for want of an end');
  });

  it('brakes and ends when ros2 launch, or whatever started it, is killed', async () => {
    await driver();
    const main = join(import.meta.dirname, '../../src/ros/policy/policyMain.js');
    const parameters = { ...ARMS, autostart: true, attempts: 1 };
    const words = Object.entries(parameters).flatMap(([name, value]) => ['-p', `${name}:=${value}`]); // prettier-ignore
    const launch = spawn(
      'sh',
      ['-c', '"$@" & wait', 'sh', process.execPath, main, '--ros-args', ...words],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const closed = new Promise((resolve) => launch.stdout.once('close', resolve));
    launch.stdout.resume();
    launch.stderr.resume();
    await until(
      () => commands.length > 30,
      () => 'motion',
      40,
    );
    launch.kill('SIGTERM');
    await closed;
    await isAtRest();
  });

  describe(
    "of Interbotix' drivers",
    {
      skip: !hasInterbotixMessages() && 'no interbotix_xs_msgs here',
    },
    () => {
      const OUTPUT = { ...ARMS, output: 'interbotix', autostart: true };

      it('refuses grippers in a mode of metres, with the command that sets another', async () => {
        const { modes } = await driver({ gripperMode: 'linear_position' });
        const nalu = start('policyMain', OUTPUT);
        await says(
          nalu,
          '/follower_right',
          'linear_position',
          '/follower_right/set_operating_modes',
        );
        assert.deepEqual([...modes.values()], ['linear_position', 'linear_position']);
      });

      it('sets them where it may, says so, and becomes active', async () => {
        const { modes } = await driver({ gripperMode: 'linear_position' });
        const nalu = start('policyMain', { ...OUTPUT, set_gripper_mode: true });
        await says(nalu, 'ready');
        assertSaidIn(nalu.said(), '/follower_left', 'linear_position', 'current_based_position');
        assert.deepEqual([...modes.values()], ['current_based_position', 'current_based_position']);
      });

      it('looks again at each start, for a driver that was started anew has its own mode again', async () => {
        const { modes } = await driver({ gripperMode: 'current_based_position' });
        const nalu = start('policyMain', OUTPUT);
        await says(nalu, 'ready');
        modes.set('follower_left', 'linear_position');
        const { success, message } = await call(person, 'std_srvs/srv/Trigger', '/nalu/start');
        assert.equal(success, false);
        assertSaid(message as string, '/follower_left', 'gripper', 'linear_position');
      });

      it('goes on with a driver that does not say, and says that', async () => {
        await driver();
        const nalu = start('policyMain', OUTPUT);
        await says(nalu, 'ready');
        assertSaidIn(nalu.said(), '/follower_left', 'does not say');
      });
    },
  );
});
