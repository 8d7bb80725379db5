import { CdrWriter } from '@foxglove/cdr';
import { McapWriter, type McapWriterOptions } from '@mcap/core';
import { stampOf } from '../../src/episodes/rosTime.ts';
import { type SchemaName, SCHEMAS, encode } from '../../src/episodes/schemas.ts';
import { fileSink } from '../../src/episodes/mcap.ts';
import { toDriver } from '../../src/robot/driverAngles.ts';
import { jointsByArm } from '../../src/topics/joints.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

export const calibration = await loadCalibration('calibration/aloha-1.0.yaml');
export const [camera] = calibration.cameras;
export const STEP = 20_000_000n;
export const START = 5_000_000_000n;
export const STEPS = 10;
const groups = jointsByArm(calibration);

/** All joints but the grippers a hundredth of a radian further each step; commands two ahead. */
export const positionAt = (step: number) =>
  Float64Array.from(calibration.joints, ({ kind, home }) =>
    kind === 'gripper' ? home : home + 0.01 * step,
  );

function imageBytes(stamp: bigint, brightness: number): Uint8Array {
  const { width, height } = camera;
  const { sec, nsec } = stampOf(stamp) as unknown as { sec: number; nsec: number };
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

/** A bag as `ros2 bag record --storage mcap` leaves it: all steps of it, or some, in an order of their own. */
export async function recordBag(
  path: string,
  options: Partial<McapWriterOptions> = {},
  order: readonly number[] = Array.from({ length: STEPS }, (_, step) => step),
): Promise<void> {
  const sink = await fileSink(path);
  const writer = new McapWriter({ ...options, writable: sink });
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
    const topic = `/${namespace}/joint_trajectory_controller/joint_trajectory`;
    orders.set(name, await known(topic, 'trajectory_msgs/msg/JointTrajectory'));
  }
  const eye = await channel(camera.topic, 'sensor_msgs/msg/Image', 'uint8 unread');
  const none = new Float64Array();
  for (const step of order) {
    const at = START + BigInt(step) * STEP;
    const header = { stamp: stampOf(at), frame_id: '' };
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
        time_from_start: stampOf(0n),
      };
      const order = { header, joint_names: names, points: [point] };
      await say(orders.get(arm.name)!, at, encode('trajectory_msgs/msg/JointTrajectory', order));
    }
  }
  await writer.end();
  await sink.close();
}
