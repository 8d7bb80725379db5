import { UserError } from '../errors.ts';
import type { Calibration, CommandKind } from '../robot/calibration.ts';
import { type CommandChannel, channelsOf, possibleChannels } from '../topics/commandKinds.ts';
import { hasInterbotixMessages } from './operatingModes.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode, RosPublisher } from './rclnodejs.ts';

/** How commands leave the node for arms whose calibration does not say it. */
export const OUTPUTS = ['interbotix', 'trajectory'] as const satisfies readonly CommandKind[];
export type Output = (typeof OUTPUTS)[number];

/** Sends positions [joints], rad and openings. */
export type Send = (positions: Float64Array) => void;

/** A topic by which an arm can be commanded, and whether this node does so. */
export interface CommandTopic {
  topic: string;
  own: boolean;
}

/** Every topic by which the arms can be commanded, for a node that sends commands by `output`, or none. */
export function commandTopicsOf(
  calibration: Pick<Calibration, 'arms' | 'joints'>,
  output: Output | undefined,
): CommandTopic[] {
  const own = output === undefined ? [] : channelsOf(calibration, output);
  return possibleChannels(calibration).map(({ topic }) => ({
    topic,
    own: own.some((used) => used.topic === topic),
  }));
}

/** Whether a channel's messages are those of Interbotix' drivers. */
export const isInterbotix = ({ type }: CommandChannel) => type.startsWith('interbotix_xs_msgs/');

/** The publisher of a channel. Throws a `UserError` where Interbotix' messages are wanted and not on this machine. */
function publisherOf(ros: Ros, node: RosNode, channel: CommandChannel): RosPublisher {
  const { type, topic } = channel;
  const lacking = (cause?: unknown) =>
    new UserError(
      "the messages of interbotix_xs_msgs are not here: source the workspace that has them and run `npx generate-ros-messages` in Nalu's folder, or set the parameter output to 'trajectory' for a ros2_control trajectory controller",
      { cause, kind: 'missing', subject: 'interbotix_xs_msgs' },
    );
  // Asked first: rclnodejs prints errors of its own while it searches for them.
  if (isInterbotix(channel) && !hasInterbotixMessages()) throw lacking();
  try {
    return node.createPublisher(type, topic, quality(ros, 'command'));
  } catch (error) {
    throw isInterbotix(channel) ? lacking(error) : error;
  }
}

/** What sends a robot's commands to its arms' drivers, by `output` where the calibration does not say how. */
export function createCommands(
  ros: Ros,
  node: RosNode,
  calibration: Calibration,
  output: Output,
): Send {
  const period = 1 / calibration.controlRate;
  const senders = channelsOf(calibration, output).map((channel) => ({
    channel,
    publisher: publisherOf(ros, node, channel),
  }));
  const now = () => node.getClock().now().nanoseconds;
  let before: Float64Array | undefined;
  return (positions) => {
    for (const { channel, publisher } of senders) {
      publisher.publish(channel.encode(positions, { now, period, before }));
    }
    before = positions.slice();
  };
}
