import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createCommands } from '../../src/ros/commands.ts';
import { toDriver } from '../../src/robot/driverAngles.ts';
import { stampOf } from '../../src/episodes/rosTime.ts';
import { jointState } from '../../src/topics/messages.ts';
import type { Ros, RosNode, RosPublisher } from '../../src/ros/rclnodejs.ts';
import { type RosRobot, rosRobot } from '../../src/ros/rosRobot.ts';
import { assertSaid, isSaidIn } from '../refusals.ts';
import { initRos, skip, until } from './ros.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const calibration = await loadCalibration('calibration/aloha-1.0.yaml');
const [camera] = calibration.cameras;
const BEST_EFFORT = 'qos_profile_sensor_data';
const NAMES = calibration.joints.slice(0, 7).map(({ joint }) => joint);

/** What rclnodejs does to those who are not careful; each test fails if this node were not. */
describe('a node over rclnodejs', { skip }, () => {
  let ros: Ros;
  let driver: RosNode;
  let images: RosPublisher;
  let joints: Record<string, RosPublisher>;
  let robot: RosRobot;

  before(async () => {
    ros = await initRos();
    driver = ros.createNode('driver');
    images = driver.createPublisher('sensor_msgs/msg/Image', camera.topic, { qos: BEST_EFFORT });
    joints = Object.fromEntries(
      calibration.arms.map(({ name, namespace }) => [
        name,
        driver.createPublisher('sensor_msgs/msg/JointState', `/${namespace}/joint_states`, {
          qos: BEST_EFFORT,
        }),
      ]),
    );
    driver.spin();
    const node = ros.createNode('taker');
    const cameras = [camera.name];
    robot = rosRobot({ ros, node, calibration, cameras, output: 'trajectory', dryRun: true });
    node.spin();
    await until(
      () => robot.topics.every(({ topic }) => driver.countSubscribers(topic) > 0),
      () => 'subscriptions',
    );
    await setTimeout(300);
  });
  after(async () => {
    await robot.close();
    ros.shutdown();
  });

  const now = () => driver.getClock().now().nanoseconds;
  const count = (source: string) => robot.topics.find((topic) => topic.source === source)!;
  const image = (data: Uint8Array, encoding = 'rgb8') => ({
    header: { stamp: stampOf(now()), frame_id: 'cam' },
    height: camera.height,
    width: camera.width,
    encoding,
    is_bigendian: 0,
    step: camera.width * 3,
    data,
  });
  const whole = () => new Uint8Array(camera.width * camera.height * 3).fill(50);

  it('hears a best-effort publisher, which a reliable subscription would not', async () => {
    joints.left.publish(jointState(now(), NAMES, new Float64Array(7)));
    images.publish(image(whole()));
    await until(
      () => count('joint state').messages > 0,
      () => 'joint states',
    );
    await until(
      () => count(camera.name).messages > 0,
      () => 'images',
    );
    assert.equal(count(camera.name).problem, undefined);
  });

  it('survives what a callback cannot read, where a throw would end the process, and tells it', async () => {
    images.publish(image(new Uint8Array()));
    await until(
      () => count(camera.name).problem !== undefined,
      () => 'the complaint',
    );
    assertSaid(count(camera.name).problem!, '0 bytes', 'rows of 1920', 'no rgb8 image');
    images.publish(image(whole(), 'yuv422_yuy2'));
    await until(
      () => isSaidIn(count(camera.name).problem ?? '', 'encoding yuv422_yuy2'),
      () => 'the other complaint',
    );
    joints.left.publish(jointState(now(), ['waist'], [0]));
    await until(
      () => count('joint state').problem !== undefined,
      () => 'the complaint',
    );
    assertSaid(
      count('joint state').problem!,
      '/follower_left/joint_states',
      'lacks shoulder, elbow',
    );
    joints.left.publish(jointState(now(), NAMES, new Float64Array(7)));
    await until(
      () => count('joint state').problem === undefined,
      () => 'the good state',
    );
  });

  it('sends the values of a view, not the bytes at its buffer’s start', async () => {
    const node = ros.createNode('sender');
    const heard = new Map<
      string,
      { joint_names: string[]; points: { positions: Float64Array }[] }
    >();
    for (const { name, namespace } of calibration.arms)
      driver.createSubscription(
        'trajectory_msgs/msg/JointTrajectory',
        `/${namespace}/joint_trajectory_controller/joint_trajectory`,
        {},
        (message) => heard.set(name, message),
      );
    const send = createCommands(ros, node, calibration, 'trajectory');
    node.spin();
    const pool = Float64Array.from({ length: 40 }, (_, i) => i / 100);
    const view = pool.subarray(20, 34);
    await until(
      () => {
        send(view);
        return heard.size === calibration.arms.length;
      },
      () => 'commands',
    );
    calibration.joints.forEach((joint, i) => {
      const arm = calibration.arms.find(({ name }) => name === joint.arm)!;
      const { joint_names, points } = heard.get(joint.arm)!;
      const sent = points[0].positions[joint_names.indexOf(joint.joint)];
      assert.equal(sent, toDriver(arm, joint, view[i]), joint.name);
    });
  });
});
