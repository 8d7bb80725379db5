import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { parse, stringify } from 'yaml';
import { stampOf } from '../../src/episodes/rosTime.ts';
import { type Said, cdr, imageCdr } from '../topics/writeBag.ts';

/** Images of the cameras, and how often each topic speaks, ns. */
export const SIZE = { width: 16, height: 12 };
export const PERIODS = { states: 10_000_000n, commands: 20_000_000n, images: 33_000_000n };
const START = 1_700_000_000_000_000_000n;
/** Seconds of a demonstration. */
const SECONDS = 2n;

const JOINTS = ['waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate'];
const HOME = [0, -0.96, 1.16, 0, -0.3, 0];
/** The ends of ALOHA's grippers as Interbotix' software has them, rad. */
const FOLLOWER = { closed: 0.6197, open: 1.6214 };
const LEADER = { closed: -0.0552, open: 0.8298 };

export const SIDES = ['left', 'right'] as const;
type Side = (typeof SIDES)[number];

/** Where an arm's leader is, ns after the start: six joints in rad, and the gripper's opening. */
export function ledTo(side: Side, after: bigint): number[] {
  const seconds = Number(after) / 1e9;
  const shift = side === 'left' ? 0 : 1;
  return [
    ...HOME.map((home, i) => home + 0.2 * Math.sin(seconds + i + shift)),
    0.5 + 0.4 * Math.sin(seconds + shift),
  ];
}

/** How far the follower is behind its leader, ns. */
const DELAY = 100_000_000n;

/** Where an arm's follower is. */
export const followedTo = (side: Side, after: bigint) => ledTo(side, after - DELAY);

const angleOf = ({ closed, open }: { closed: number; open: number }, opening: number) =>
  closed + opening * (open - closed);

const header = (stamp: bigint) => ({ stamp: stampOf(stamp), frame_id: '' });

/** The nine joints that Interbotix' drivers report, in their order. */
function jointState(stamp: bigint, at: number[], ends: typeof FOLLOWER): Uint8Array {
  const position = [...at.slice(0, 6), angleOf(ends, at[6]), 0.02, -0.02];
  const name = [...JOINTS, 'gripper', 'left_finger', 'right_finger'];
  const none = position.map(() => 0);
  return cdr('sensor_msgs/msg/JointState', {
    ...{ header: header(stamp), name, position, velocity: none, effort: none },
  });
}

const CAMERAS = ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'];

/** Times at which a topic speaks, ns after the start. */
const times = (period: bigint, offset = 0n) =>
  Array.from({ length: Number((SECONDS * 1_000_000_000n) / period) }, (_, i) => offset + BigInt(i) * period); // prettier-ignore

const jpegOf = (brightness: number) =>
  sharp({ create: { ...SIZE, channels: 3, background: { r: brightness, g: brightness, b: brightness } } }) // prettier-ignore
    .jpeg()
    .toBuffer();

/** Brightness of an image by its number. */
export const brightnessOf = (number: number) => 4 * number;

/** What a teleoperated ALOHA says on its topics, in the order in which it is recorded. */
export async function teleoperation(): Promise<Said[]> {
  const said: Said[] = [];
  const say = (topic: string, type: string, after: bigint, data: Uint8Array) =>
    said.push({ topic, type, stamp: START + after, data });
  for (const side of SIDES) {
    // The drivers are not in step with each other, nor with the cameras.
    const offset = side === 'left' ? 0n : 3_000_000n;
    for (const after of times(PERIODS.states, offset)) {
      const stamp = START + after;
      const state = 'sensor_msgs/msg/JointState';
      say(`/follower_${side}/joint_states`, state, after, jointState(stamp, followedTo(side, after), FOLLOWER)); // prettier-ignore
      say(`/leader_${side}/joint_states`, state, after, jointState(stamp, ledTo(side, after), LEADER)); // prettier-ignore
    }
    for (const after of times(PERIODS.commands, offset + 500_000n)) {
      const at = ledTo(side, after);
      const group = cdr('interbotix_xs_msgs/msg/JointGroupCommand', { name: 'arm', cmd: at.slice(0, 6) }); // prettier-ignore
      const single = cdr('interbotix_xs_msgs/msg/JointSingleCommand', { name: 'gripper', cmd: angleOf(FOLLOWER, at[6]) }); // prettier-ignore
      say(`/follower_${side}/commands/joint_group`, 'interbotix_xs_msgs/msg/JointGroupCommand', after, group); // prettier-ignore
      say(`/follower_${side}/commands/joint_single`, 'interbotix_xs_msgs/msg/JointSingleCommand', after, single); // prettier-ignore
    }
  }
  for (const [i, camera] of CAMERAS.entries())
    for (const [number, after] of times(PERIODS.images, BigInt(i) * 1_000_000n).entries()) {
      const topic = `/${camera}/camera/color/image_rect_raw`;
      const brightness = brightnessOf(number);
      const stamp = START + after - 1_000_000n;
      if (camera === 'cam_low')
        say(`${topic}/compressed`, 'sensor_msgs/msg/CompressedImage', after, cdr('sensor_msgs/msg/CompressedImage', { header: header(stamp), format: 'rgb8; jpeg compressed bgr8', data: await jpegOf(brightness) })); // prettier-ignore
      else
        say(topic, 'sensor_msgs/msg/Image', after, imageCdr(stamp, SIZE.width, SIZE.height, new Uint8Array(SIZE.width * SIZE.height * 3).fill(brightness))); // prettier-ignore
    }
  return said.sort((a, b) => Number(a.stamp - b.stamp));
}

export { START };

/** Writes ALOHA's shipped calibration with small cameras. */
export async function smallAloha(
  folder: string,
  change: (calibration: Calibration) => void = () => undefined,
) {
  await mkdir(folder, { recursive: true });
  const calibration = parse(await readFile('calibration/aloha-1.0.yaml', 'utf8')) as Calibration;
  for (const camera of calibration.cameras) Object.assign(camera, SIZE);
  change(calibration);
  const path = join(folder, 'aloha.yaml');
  await writeFile(path, stringify(calibration));
  return path;
}

interface Calibration {
  arms: Record<string, unknown>[];
  cameras: Record<string, unknown>[];
  tasks?: Record<string, string>;
}
