/** A topic as a file declares it. */
export interface Channel {
  topic: string;
  /** The message's type, as sensor_msgs/msg/JointState. */
  type: string;
  /** The type's message definition in the file. */
  definition: string;
}

/** Name of the metadata records that repeat the channels of the first chunk, in case that chunk is lost. */
export const CHANNELS = 'nalu/channels';

const KEY = 'channel ';

/** The strings of such a record, from channels by id. */
export const writeChannels = (channels: ReadonlyMap<number, Channel>): Record<string, string> =>
  Object.fromEntries([...channels].map(([id, channel]) => [KEY + id, JSON.stringify(channel)]));

/** The channels in such a record. */
export const readChannels = (strings: ReadonlyMap<string, string>): [number, Channel][] =>
  [...strings]
    .filter(([key]) => key.startsWith(KEY))
    .map(([key, text]) => [Number(key.slice(KEY.length)), JSON.parse(text) as Channel]);
