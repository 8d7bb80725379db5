import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CdrWriter } from '@foxglove/cdr';
import { McapWriter } from '@mcap/core';
import { type SchemaName, SCHEMAS, encode, toTime } from '../../src/episodes/schemas.ts';
import { fileSink } from '../../src/episodes/mcap.ts';
import { loadCalibration } from '../../src/robot/calibration.ts';
import { bagRecording } from '../../src/ros/bag.ts';
import { commandTopics } from '../../src/ros/commands.ts';
import { toDriver } from '../../src/robot/driverAngles.ts';
import { jointsByArm } from '../../src/ros/joints.ts';

const calibration = await loadCalibration('calibration/aloha-1.0.yaml');
const [camera] = calibration.cameras;
const STEP = 20_000_000n;
const START = 5_000_000_000n;
const STEPS = 10;
const groups = jointsByArm(calibration);

/** All joints but the grippers a hundredth of a radian further each step; commands two ahead. */
const positionAt = (step: number) =>
  Float64Array.from(calibration.joints, ({ kind, home }) =>
    kind === 'gripper' ? home : home + 0.01 * step,
  );

function imageBytes(stamp: bigint, brightness: number): Uint8Array {
  const { width, height } = camera;
  const { sec, nsec } = toTime(stamp) as unknown as { sec: number; nsec: number };
  const writer = new CdrWriter({ size: width * height * 3 + 200 });
  writer.int32(sec).uint32(nsec).string('cam');
  writer
    .uint32(height)
    .uint32(width)
    .string('rgb8')
    .uint8(0)
    .uint32(width * 3);
  writer.uint8Array(new Uint8Array(width * height * 3).fill(brightness), true);
  return writer.data;
}

/** A bag as `ros2 bag record --storage mcap` leaves it. */
async function recordBag(path: string): Promise<void> {
  const sink = await fileSink(path, 'keep');
  const writer = new McapWriter({ writable: sink });
  await writer.start({ profile: 'ros2', library: 'test' });
  const channel = async (topic: string, name: string, schema: string) =>
    writer.registerChannel({
      schemaId: await writer.registerSchema({
        name,
        encoding: 'ros2msg',
        data: new TextEncoder().encode(schema),
      }),
      topic,
      messageEncoding: 'cdr',
      metadata: new Map(),
    });
  const known = (topic: string, name: SchemaName) => channel(topic, name, SCHEMAS[name]);
  const say = (channelId: number, logTime: bigint, data: Uint8Array) =>
    writer.addMessage({ channelId, sequence: 0, logTime, publishTime: logTime, data });

  const states = new Map<string, number>();
  const orders = new Map<string, number>();
  for (const { name, namespace } of calibration.arms) {
    states.set(name, await known(`/${namespace}/joint_states`, 'sensor_msgs/msg/JointState'));
    const topic = commandTopics(namespace).trajectory;
    orders.set(name, await known(topic, 'trajectory_msgs/msg/JointTrajectory'));
  }
  const eye = await channel(camera.topic, 'sensor_msgs/msg/Image', 'uint8 unread');
  const none = new Float64Array();
  for (let step = 0; step < STEPS; step++) {
    const at = START + BigInt(step) * STEP;
    const header = { stamp: toTime(at), frame_id: '' };
    if (step % 3 === 0) await say(eye, at - 1n, imageBytes(at, 10 * step));
    for (const { arm, joints } of groups) {
      const names = joints.map(({ joint }) => joint.joint);
      const angles = (ahead: number) =>
        Float64Array.from(joints, ({ joint, index }) =>
          toDriver(arm, joint, positionAt(step + ahead)[index]),
        );
      const state = { header, name: names, position: angles(0), velocity: none, effort: none };
      await say(states.get(arm.name)!, at, encode('sensor_msgs/msg/JointState', state));
      const point = {
        positions: angles(2),
        velocities: none,
        accelerations: none,
        effort: none,
        time_from_start: toTime(0n),
      };
      const order = { header, joint_names: names, points: [point] };
      await say(orders.get(arm.name)!, at, encode('trajectory_msgs/msg/JointTrajectory', order));
    }
  }
  await writer.end();
  await sink.close();
}

describe("a bag of a robot's topics", () => {
  let folder: string;
  let bag: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-bag-'));
    bag = join(folder, 'bag.mcap');
    await recordBag(bag);
  });
  after(() => rm(folder, { recursive: true }));

  const close = (seen: ArrayLike<number>, wanted: ArrayLike<number>) =>
    Array.from(wanted, (value, i) => assert.ok(Math.abs(seen[i] - value) < 1e-9));

  it("is read in the robot's own vectors, a state and a command at each control step", async () => {
    const { joints, commands } = await bagRecording(bag, calibration);
    assert.equal(joints.length, STEPS);
    assert.equal(commands.length, STEPS);
    for (const step of [0, 4, STEPS - 1]) {
      close(joints[step].position, positionAt(step));
      close(commands[step].position, positionAt(step + 2));
    }
  });

  it('gives of each camera the image that was the newest', async () => {
    const recording = await bagRecording(bag, calibration);
    const brightness = async (step: number) => {
      const [frame] = await recording.imagesAt(START + BigInt(step) * STEP);
      assert.equal(frame.camera, camera.name);
      return (await frame.pixels())[0];
    };
    assert.equal(await brightness(0), 0);
    assert.equal(await brightness(5), 30);
    assert.equal(await brightness(9), 90);
  });

  it('is refused, with what it has, where it is of another robot or no bag at all', async () => {
    const other = structuredClone(calibration);
    other.arms[0].namespace = 'somebody';
    other.arms[1].namespace = 'else';
    await assert.rejects(bagRecording(bag, other), {
      name: 'UserError',
      message: /no joint states of \/somebody.*it has \/follower_left\/joint_states/,
    });
    const text = join(folder, 'text.mcap');
    await writeFile(text, 'no bag');
    await assert.rejects(bagRecording(text, calibration), /cannot be read as an MCAP bag/);
  });
});
