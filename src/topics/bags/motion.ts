import type { Calibration } from '../../robot/calibration.ts';
import { possibleChannels } from '../commandKinds.ts';
import { createJointMerger, statesTopicsOf } from '../joints.ts';
import type { JointStateMessage } from '../messages.ts';
import type { Bag, WantedTopics } from './bag.ts';

const JOINT_STATE = 'sensor_msgs/msg/JointState';

/** Positions [joints] of a robot, and when a bag's recorder received the last of them, ns. */
export interface Recorded {
  stamp: bigint;
  position: Float64Array;
}

type Topics = WantedTopics['decode'];

/** The topics on which a robot's arms report their joints, with the type of their messages. */
export const statesTopics = (calibration: Calibration): Topics =>
  new Map(statesTopicsOf(calibration).map((topic) => [topic, JOINT_STATE]));

/** Every topic on which a robot's arms may be commanded, with the type of its messages. */
export const commandsTopics = (calibration: Calibration): Topics =>
  new Map(possibleChannels(calibration).map(({ topic, type }) => [topic, type]));

/** A robot's joint states, from when each arm has reported. Throws a `UserError` where joints are missing in one. */
export function statesIn({ decoded }: Pick<Bag, 'decoded'>, calibration: Calibration): Recorded[] {
  const topics = statesTopicsOf(calibration);
  const merger = createJointMerger(calibration);
  return decoded.flatMap(({ topic, stamp, message }) => {
    if (!topics.includes(topic)) return [];
    const state = merger.take(topic, message as JointStateMessage);
    return state ? [{ stamp, position: state.position }] : [];
  });
}

/** What a robot was commanded, after each command; joints are at `from` until they are first commanded. */
export function commandsIn(
  { decoded }: Pick<Bag, 'decoded'>,
  calibration: Calibration,
  from: Float64Array,
): Recorded[] {
  const position = from.slice();
  const channels = new Map(
    possibleChannels(calibration).map((channel) => [channel.topic, channel]),
  );
  return decoded.flatMap(({ topic, stamp, message }) => {
    const channel = channels.get(topic);
    if (!channel) return [];
    channel.decode(message as never, position);
    return [{ stamp, position: position.slice() }];
  });
}
