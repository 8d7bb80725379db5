import type { Arm, CalibratedJoint, Calibration, CommandKind } from '../robot/calibration.ts';
import { fromDriver, toDriver } from '../robot/driverAngles.ts';
import { commandTopic, commandTopics } from '../robot/driverTopics.ts';
import { PARTS } from '../robot/operatingModes.ts';
import { jointsByArm } from './joints.ts';
import { jointTrajectory } from './messages.ts';

/** A joint as a driver is commanded to move it. */
interface DrivenJoint {
  /** The driver's name of it. */
  name: string;
  kind: CalibratedJoint['kind'];
  /** What it is commanded, rad or m, for the robot's positions. */
  encode: (positions: Float64Array) => number;
  /** Puts what it was commanded into the robot's positions. */
  decode: (command: number, positions: Float64Array) => void;
}

/** Joints that one driver takes commands of. */
interface Part {
  arm: Arm;
  joints: readonly DrivenJoint[];
  /** As the calibration has it; the usual one of the kind where absent. */
  topic?: string;
}

/** When a command is sent, and which one was sent before. */
export interface Moment {
  /** Nanoseconds of the node's clock. */
  now: () => bigint;
  /** Between two commands, s. */
  period: number;
  /** [joints] rad, m and openings; undefined for the first command. */
  before: Float64Array | undefined;
}

/** A topic by which joints are commanded, and its messages. */
export interface CommandChannel {
  type: string;
  topic: string;
  /** The message for positions [joints]: rad, m and openings. */
  encode: (positions: Float64Array, moment: Moment) => object;
  /** Puts a message into positions [joints]; joints that it does not name stay as they are. */
  decode: (message: never, positions: Float64Array) => void;
}

const encoded = (joints: readonly DrivenJoint[], positions: Float64Array): number[] =>
  joints.map(({ encode }) => encode(positions));

const decodeInto = (
  joints: readonly DrivenJoint[],
  commands: ArrayLike<number>,
  positions: Float64Array,
): void => joints.forEach(({ decode }, i) => decode(commands[i], positions));

/** JointGroupCommand of the arm, JointSingleCommand of its gripper. */
function interbotixChannels({ arm, joints }: Part): CommandChannel[] {
  const grippers = joints.filter(({ kind }) => kind === 'gripper');
  const others = joints.filter(({ kind }) => kind !== 'gripper');
  const group: CommandChannel = {
    type: 'interbotix_xs_msgs/msg/JointGroupCommand',
    topic: commandTopics(arm.namespace).group,
    encode: (positions) => ({ name: PARTS.arm.name, cmd: encoded(others, positions) }),
    decode: ({ cmd }: { cmd: ArrayLike<number> }, positions) => decodeInto(others, cmd, positions),
  };
  const single: CommandChannel = {
    type: 'interbotix_xs_msgs/msg/JointSingleCommand',
    topic: commandTopics(arm.namespace).single,
    encode: (positions) => ({ name: PARTS.gripper.name, cmd: grippers[0].encode(positions) }),
    decode: ({ cmd }: { cmd: number }, positions) => decodeInto(grippers, [cmd], positions),
  };
  return [...(others.length > 0 ? [group] : []), ...(grippers.length > 0 ? [single] : [])];
}

type Trajectory = { joint_names: string[]; points: { positions: ArrayLike<number> }[] };

/** JointTrajectory of one point, a period ahead, with the velocity since the command before. */
const trajectoryChannels = ({ arm, joints, topic }: Part): CommandChannel[] => [
  {
    type: 'trajectory_msgs/msg/JointTrajectory',
    topic: commandTopic(arm, { kind: 'trajectory', topic }),
    encode(positions, { now, period, before }) {
      const row = encoded(joints, positions);
      const rows = [before ? encoded(joints, before) : row, row];
      const names = joints.map(({ name }) => name);
      const { points, ...message } = jointTrajectory(now(), names, rows, period);
      return { ...message, points: points.slice(1) };
    },
    decode({ joint_names: names, points }: Trajectory, positions) {
      const last = points.at(-1);
      if (!last) return;
      for (const { name, decode } of joints) {
        const at = names.indexOf(name);
        if (at >= 0) decode(last.positions[at], positions);
      }
    },
  },
];

/** Float64MultiArray of a forward position controller, in the order of the calibration's joints. */
const positionChannels = ({ arm, joints, topic }: Part): CommandChannel[] => [
  {
    type: 'std_msgs/msg/Float64MultiArray',
    topic: commandTopic(arm, { kind: 'position', topic }),
    encode: (positions) => ({
      layout: { dim: [], data_offset: 0 },
      data: encoded(joints, positions),
    }),
    decode: ({ data }: { data: ArrayLike<number> }, positions) =>
      decodeInto(joints, data, positions),
  },
];

/** The channels by which drivers of each kind are commanded. */
const CHANNELS: Readonly<Record<CommandKind, (part: Part) => CommandChannel[]>> = {
  interbotix: interbotixChannels,
  trajectory: trajectoryChannels,
  position: positionChannels,
};

const KINDS = Object.keys(CHANNELS) as CommandKind[];

type Group = ReturnType<typeof jointsByArm>[number];

/** An arm's joints as its driver has them, each gripper followed by its mirrored finger, if it has one. */
const drivenJoints = ({ arm, joints }: Group): DrivenJoint[] =>
  joints.flatMap(({ joint, index }) => {
    const main: DrivenJoint = {
      name: joint.joint,
      kind: joint.kind,
      encode: (positions) => toDriver(arm, joint, positions[index]),
      decode: (command, positions) => {
        positions[index] = fromDriver(arm, joint, command);
      },
    };
    const mirror = joint.kind === 'gripper' ? arm.gripper?.mirror : undefined;
    if (!mirror) return [main];
    const finger: DrivenJoint = {
      name: mirror.joint,
      kind: joint.kind,
      encode: (positions) => mirror.sign * main.encode(positions),
      decode: () => undefined,
    };
    return [main, finger];
  });

/** The parts of an arm that are commanded together, and the kind that the calibration gives each, if any. */
function partsOf(group: Group): (Part & { kind: CommandKind | undefined })[] {
  const { arm } = group;
  const joints = drivenJoints(group);
  const own = arm.gripper?.command;
  const { kind, topic } = arm.command ?? { kind: undefined, topic: undefined };
  if (!own) return [{ arm, joints, kind, topic }];
  const isGripper = (joint: DrivenJoint) => joint.kind === 'gripper';
  return [
    { arm, joints: joints.filter((joint) => !isGripper(joint)), kind, topic },
    { arm, joints: joints.filter(isGripper), kind: own.kind, topic: own.topic },
  ];
}

/** The channels that commands of a robot leave by; `output` is the kind where the calibration has none. */
export const channelsOf = (
  calibration: Pick<Calibration, 'arms' | 'joints'>,
  output: CommandKind,
): CommandChannel[] =>
  jointsByArm(calibration)
    .flatMap(partsOf)
    .flatMap(({ kind = output, ...part }) => CHANNELS[kind](part));

const byTopic = (channels: readonly CommandChannel[]): CommandChannel[] =>
  [
    // Of two with one topic the first stays.
    ...new Map(channels.toReversed().map((channel) => [channel.topic, channel])).values(),
  ].toReversed();

/** Every channel by which a robot's arms may be commanded: those of the calibration, and the usual ones of all kinds. */
export const possibleChannels = (
  calibration: Pick<Calibration, 'arms' | 'joints'>,
): CommandChannel[] =>
  jointsByArm(calibration).flatMap((group) => {
    const { arm } = group;
    const parts = partsOf(group);
    const chosen = parts.flatMap(({ kind, ...part }) => (kind ? CHANNELS[kind](part) : []));
    const { joints } = parts.find(({ kind }) => kind === undefined) ?? {
      joints: drivenJoints(group),
    };
    const usual = KINDS.flatMap((kind) => CHANNELS[kind]({ arm, joints }));
    return byTopic([...chosen, ...usual]);
  });

/** The arms with a driver that is commanded by a kind of message. */
export const armsOfKind = (
  calibration: Pick<Calibration, 'arms' | 'joints'>,
  output: CommandKind,
  wanted: CommandKind,
): Arm[] =>
  jointsByArm(calibration)
    .filter((group) => partsOf(group).some(({ kind = output }) => kind === wanted))
    .map(({ arm }) => arm);
