import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ensureModes, hasInterbotixMessages } from '../../src/ros/operatingModes.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { fakeNode } from './fakeNode.ts';

const arms = [{ namespace: 'left' }, { namespace: 'right' }];

/** A node among drivers of these gripper modes by namespace, and how they were set. */
function drivers(modes: Record<string, string>, obeys = true) {
  const { node, services } = fakeNode();
  const requests: unknown[] = [];
  for (const namespace of Object.keys(modes)) {
    services.set(`/${namespace}/get_robot_info`, ({ name }, answer) =>
      answer({ mode: name === 'gripper' ? modes[namespace] : 'position' }),
    );
    services.set(`/${namespace}/set_operating_modes`, (request, answer) => {
      requests.push(request);
      if (obeys) modes[namespace] = request.mode as string;
      answer({});
    });
  }
  const told: string[] = [];
  const ensure = (setGripper = false) =>
    ensureModes(node, arms, { setGripper, warn: (text) => told.push(text) });
  return { services, requests, told, ensure };
}

describe("the modes of Interbotix' drivers", () => {
  let prefix: string;
  const before_ = process.env.AMENT_PREFIX_PATH;

  before(async () => {
    prefix = await mkdtemp(join(tmpdir(), 'nalu-prefix-'));
    await mkdir(join(prefix, 'share/interbotix_xs_msgs'), { recursive: true });
    process.env.AMENT_PREFIX_PATH = `/nowhere:${prefix}`;
  });
  after(async () => {
    if (before_ === undefined) delete process.env.AMENT_PREFIX_PATH;
    else process.env.AMENT_PREFIX_PATH = before_;
    await rm(prefix, { recursive: true });
  });

  it('are asked of those whose messages are in the ROS 2 that is sourced', () => {
    assert.equal(hasInterbotixMessages(), true);
    assert.equal(hasInterbotixMessages({ AMENT_PREFIX_PATH: '/nowhere' }), false);
    assert.equal(hasInterbotixMessages({}), false);
  });

  it('are right where grippers and arms take angles', async () => {
    const { ensure, told } = drivers({ left: 'current_based_position', right: 'position' });
    await ensure();
    assert.deepEqual(told, []);
  });

  it('are refused where a gripper takes metres, with the command that mends it', async () => {
    const { ensure, requests } = drivers({
      left: 'current_based_position',
      right: 'linear_position',
    });
    await assertRejectsAbout(ensure(), {
      kind: 'mismatch',
      fields: ['/right'],
      names: [
        ...['/right', 'gripper', 'linear_position', 'set_gripper_mode: true'],
        'ros2 service call /right/set_operating_modes',
        'mode: current_based_position',
      ],
    });
    assert.deepEqual(requests, [], 'nothing is set that nobody allowed');
  });

  it('are set where that is allowed, of those grippers alone that need it', async () => {
    const { ensure, requests, told } = drivers({
      left: 'linear_position',
      right: 'current_based_position',
    });
    await ensure(true);
    assert.deepEqual(requests, [
      {
        cmd_type: 'single',
        name: 'gripper',
        mode: 'current_based_position',
        profile_type: 'velocity',
        profile_velocity: 0,
        profile_acceleration: 0,
      },
    ]);
    assert.equal(told.length, 1);
    assertSaid(told[0], '/left', 'gripper', 'linear_position', 'current_based_position');
  });

  it('are refused where a driver says that it set a mode and did not', async () => {
    const { ensure } = drivers({ left: 'pwm', right: 'pwm' }, false);
    await assertRejectsAbout(ensure(true), {
      kind: 'mismatch',
      fields: ['/left', '/right'],
      names: ['/left', 'stays', 'pwm', '/right'],
    });
  });

  it("are refused for an arm that takes anything but angles, which is a person's to set", async () => {
    const { ensure, services } = drivers({ left: 'position', right: 'position' });
    services.set('/left/get_robot_info', (_, answer) => answer({ mode: 'velocity' }));
    await assertRejectsAbout(ensure(true), {
      kind: 'mismatch',
      fields: ['/left'],
      names: ['/left', 'arm', 'velocity', 'cmd_type: group'],
    });
  });

  it('are refused where a driver knows no such part', async () => {
    const { ensure } = drivers({ left: '', right: 'position' });
    await assertRejectsAbout(ensure(true), {
      kind: 'mismatch',
      fields: ['/left'],
      names: ['/left', 'knows no single', 'gripper'],
    });
  });

  it('are passed over, and told, where a driver does not say', async () => {
    const { ensure, told } = drivers({ right: 'position' });
    await ensure();
    assertSaid(told[0], '/left', 'does not say');
    assert.equal(told.length, 1);
  });
});
