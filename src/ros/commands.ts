import { UserError } from '../errors.ts';
import type { Calibration } from '../robot/calibration.ts';
import { toDriver } from '../robot/driverAngles.ts';
import { PARTS } from '../robot/operatingModes.ts';
import { jointsByArm } from './joints.ts';
import { jointTrajectory } from './messages.ts';
import { hasInterbotixMessages } from './operatingModes.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';
import { commandTopics } from '../robot/driverTopics.ts';

/** How commands leave the node: Interbotix' own messages, or a ros2_control trajectory controller's. */
export const OUTPUTS = ['interbotix', 'trajectory'] as const;
export type Output = (typeof OUTPUTS)[number];

/** Sends positions [joints], rad and openings. */
export type Send = (positions: Float64Array) => void;

export const GROUP_COMMAND = 'interbotix_xs_msgs/msg/JointGroupCommand';
export const SINGLE_COMMAND = 'interbotix_xs_msgs/msg/JointSingleCommand';

/** The topics among an arm's `commandTopics` that commands leave by. */
const TOPICS_OF: Record<Output, readonly (keyof ReturnType<typeof commandTopics>)[]> = {
  interbotix: ['group', 'single'],
  trajectory: ['trajectory'],
};

/** A topic by which an arm can be commanded, and whether this node does so. */
export interface CommandTopic {
  topic: string;
  own: boolean;
}

/** Every topic by which the arms can be commanded, for a node that sends commands by `output`, or none. */
export const commandTopicsOf = (
  { arms }: Pick<Calibration, 'arms'>,
  output: Output | undefined,
): CommandTopic[] =>
  arms.flatMap(({ namespace }) =>
    Object.entries(commandTopics(namespace)).map(([kind, topic]) => ({
      topic,
      own: output !== undefined && TOPICS_OF[output].some((used) => used === kind),
    })),
  );

type Group = ReturnType<typeof jointsByArm>[number];

const angles = ({ arm, joints }: Group, kind: 'arm' | 'gripper', positions: Float64Array) =>
  joints
    .filter(({ joint }) => joint.kind === kind)
    .map(({ joint, index }) => toDriver(arm, joint, positions[index]));

/** Publishers of an arm's commands. Throws a `UserError` where Interbotix' messages are not on this machine. */
function interbotixPublishers(ros: Ros, node: RosNode, namespace: string) {
  const { group, single } = commandTopics(namespace);
  const lacking = (cause?: unknown) =>
    new UserError(
      "the messages of interbotix_xs_msgs are not here: source the workspace that has them and run `npx generate-ros-messages` in Nalu's folder, or set the parameter output to 'trajectory' for a ros2_control trajectory controller",
      { cause },
    );
  // Asked first: rclnodejs prints errors of its own while it looks for them.
  if (!hasInterbotixMessages()) throw lacking();
  try {
    return {
      arm: node.createPublisher(GROUP_COMMAND, group, quality(ros, 'command')),
      gripper: node.createPublisher(SINGLE_COMMAND, single, quality(ros, 'command')),
    };
  } catch (error) {
    throw lacking(error);
  }
}

function interbotix(ros: Ros, node: RosNode, group: Group): Send {
  const { arm, gripper } = interbotixPublishers(ros, node, group.arm.namespace);
  return (positions) => {
    arm.publish({ name: PARTS.arm.name, cmd: angles(group, 'arm', positions) });
    const [cmd] = angles(group, 'gripper', positions);
    gripper.publish({ name: PARTS.gripper.name, cmd });
  };
}

/** One point a command, a period ahead, with the velocity since the command before. */
function trajectory(ros: Ros, node: RosNode, group: Group, period: number): Send {
  const topic = commandTopics(group.arm.namespace).trajectory;
  const publisher = node.createPublisher(
    'trajectory_msgs/msg/JointTrajectory',
    topic,
    quality(ros, 'command'),
  );
  const names = group.joints.map(({ joint }) => joint.joint);
  let before: number[] | undefined;
  return (positions) => {
    const row = group.joints.map(({ joint, index }) =>
      toDriver(group.arm, joint, positions[index]),
    );
    const now = node.getClock().now().nanoseconds;
    const message = jointTrajectory(now, names, [before ?? row, row], period);
    publisher.publish({ ...message, points: message.points.slice(1) });
    before = row;
  };
}

/** What sends a robot's commands to its arms' drivers. */
export function createCommands(
  ros: Ros,
  node: RosNode,
  calibration: Calibration,
  output: Output,
): Send {
  const period = 1 / calibration.controlRate;
  const sends = jointsByArm(calibration).map((group) =>
    output === 'interbotix' ? interbotix(ros, node, group) : trajectory(ros, node, group, period),
  );
  return (positions) => sends.forEach((send) => send(positions));
}
