import { parse } from '@foxglove/rosmsg';
import { MessageReader } from '@foxglove/rosmsg2-serialization';
import { cdrEncoder } from './cdr.ts';
import type { Header, Stamp } from './rosTime.ts';

const PARTS = {
  'builtin_interfaces/Time': 'int32 sec\nuint32 nanosec',
  'builtin_interfaces/Duration': 'int32 sec\nuint32 nanosec',
  'std_msgs/Header': 'builtin_interfaces/Time stamp\nstring frame_id',
  'trajectory_msgs/JointTrajectoryPoint': [
    'float64[] positions',
    'float64[] velocities',
    'float64[] accelerations',
    'float64[] effort',
    'builtin_interfaces/Duration time_from_start',
  ].join('\n'),
} as const;

type Part = keyof typeof PARTS;

const SEPARATOR = '='.repeat(80);

/** A message definition followed by the definitions it depends on, in the format of an MCAP `ros2msg` schema. */
const definition = (fields: string[], parts: Part[]) =>
  [fields.join('\n'), ...parts.map((part) => `MSG: ${part}\n${PARTS[part]}`)].join(
    `\n${SEPARATOR}\n`,
  ) + '\n';

const HEADER: Part[] = ['std_msgs/Header', 'builtin_interfaces/Time'];

/** ROS messages of an episode, by type. */
export const SCHEMAS = {
  'sensor_msgs/msg/JointState': definition(
    [
      'std_msgs/Header header',
      'string[] name',
      'float64[] position',
      'float64[] velocity',
      'float64[] effort',
    ],
    HEADER,
  ),
  'sensor_msgs/msg/CompressedImage': definition(
    ['std_msgs/Header header', 'string format', 'uint8[] data'],
    HEADER,
  ),
  'trajectory_msgs/msg/JointTrajectory': definition(
    [
      'std_msgs/Header header',
      'string[] joint_names',
      'trajectory_msgs/JointTrajectoryPoint[] points',
    ],
    [...HEADER, 'trajectory_msgs/JointTrajectoryPoint', 'builtin_interfaces/Duration'],
  ),
  'nalu_msgs/msg/Chunk': definition(
    [
      '# Stamped as the joint state that the chunk was sampled from.',
      'std_msgs/Header header',
      'uint32 index',
      'string policy_version',
      'string[] cameras',
      'builtin_interfaces/Time[] frame_stamps',
      'float64[] state',
      'uint32 horizon',
      '# [horizon, joints], row by row',
      'float32[] actions',
      '# [horizon, actionDim], row by row; empty for an expert',
      'float32[] noise',
      'uint32 delay',
      'uint32 executed_from',
      'uint32 executed_to',
      'uint32 held',
      '# How it was made to join the chunk in play; empty if it was not',
      'string join',
      "# [rows, joints] that one's, from the observation on",
      'float32[] previous',
      '# [horizon] how much each row of it counted, 0 to 1',
      'float32[] prefix_weights',
      "# [cameras, 2] where its pictures were looked at, right and down, in shares of the policy's; empty if straight",
      'float32[] view',
      '# How its flow was integrated: solver (empty for a policy without a flow), network calls, and the times of',
      '# the steps from 1 to 0; no times for equal steps',
      'string flow_solver',
      'uint32 flow_steps',
      'float64[] flow_times',
      "# [actionDim] what was added to each of its rows, in standard deviations of the policy's actions; empty if nothing",
      'float32[] offset',
      '# The tokens that it was made of, their log-probabilities when they were drawn, and the temperature; empty and 0',
      '# for a policy that writes none',
      'int32[] tokens',
      'float32[] token_log_probabilities',
      'float32 temperature',
      '# Where the steps of its flow are learned from: [calls, horizon, actionDim] x after each network call, and the noise',
      '# in it, with its standard deviation, the correlation of neighbouring rows, and the share of the variance that is',
      '# constant over an attempt; else empty and 0',
      'float32[] flow_states',
      'float32[] flow_noise',
      'float64 flow_noise_size',
      'float64 flow_noise_correlation',
      'float64 flow_noise_persistence',
      "# Numbers that its tokens decode to beyond a chunk's, which were cut; below 0 those that were lacking, and are zeros",
      'int32 token_excess',
    ],
    HEADER,
  ),
  'nalu_msgs/msg/ChunkTiming': definition(
    [
      '# Stamped as the chunk of this index.',
      'std_msgs/Header header',
      'uint32 index',
      'builtin_interfaces/Time requested',
      'builtin_interfaces/Time arrived',
      'builtin_interfaces/Time joined',
      '# 0 if none of its rows was sent',
      'builtin_interfaces/Time first_command',
      'float64 preprocess_ms',
      'float64 run_ms',
      'float64 total_ms',
    ],
    HEADER,
  ),
} as const;

export type SchemaName = keyof typeof SCHEMAS;

export interface JointStateMessage {
  header: Header;
  name: string[];
  position: Float64Array;
  velocity: Float64Array;
  effort: Float64Array;
}

export interface CompressedImageMessage {
  header: Header;
  format: string;
  data: Uint8Array;
}

export interface JointTrajectoryMessage {
  header: Header;
  joint_names: string[];
  points: {
    positions: Float64Array;
    velocities: Float64Array;
    accelerations: Float64Array;
    effort: Float64Array;
    time_from_start: Stamp;
  }[];
}

export interface ChunkMessage {
  header: Header;
  index: number;
  policy_version: string;
  cameras: string[];
  frame_stamps: Stamp[];
  state: Float64Array;
  horizon: number;
  actions: Float32Array;
  noise: Float32Array;
  delay: number;
  executed_from: number;
  executed_to: number;
  held: number;
  /** This field and the following ones are absent in older files. */
  join?: string;
  previous?: Float32Array;
  prefix_weights?: Float32Array;
  view?: Float32Array;
  flow_solver?: string;
  flow_steps?: number;
  flow_times?: Float64Array;
  offset?: Float32Array;
  tokens?: Int32Array;
  token_log_probabilities?: Float32Array;
  temperature?: number;
  flow_states?: Float32Array;
  flow_noise?: Float32Array;
  flow_noise_size?: number;
  flow_noise_correlation?: number;
  flow_noise_persistence?: number;
  token_excess?: number;
}

export interface ChunkTimingMessage {
  header: Header;
  index: number;
  requested: Stamp;
  arrived: Stamp;
  joined: Stamp;
  first_command: Stamp;
  preprocess_ms: number;
  run_ms: number;
  total_ms: number;
}

/** The message type of each schema. */
export interface Messages {
  'sensor_msgs/msg/JointState': JointStateMessage;
  'sensor_msgs/msg/CompressedImage': CompressedImageMessage;
  'trajectory_msgs/msg/JointTrajectory': JointTrajectoryMessage;
  'nalu_msgs/msg/Chunk': ChunkMessage;
  'nalu_msgs/msg/ChunkTiming': ChunkTimingMessage;
}

const parsed = (definition: string) => parse(definition, { ros2: true });

const memoised = <T>(make: (definition: string) => T) => {
  const made = new Map<string, T>();
  return (definition: string): T => {
    const known = made.get(definition) ?? make(definition);
    made.set(definition, known);
    return known;
  };
};

const encoderOf = memoised((definition) => cdrEncoder(parsed(definition)));
const readerOf = memoised((definition) => new MessageReader(parsed(definition)));

/** Bytes that a message may need: no more than a hint, so that its largest arrays are not copied again. */
const sizeOf = (message: object): number =>
  Object.values(message).reduce<number>(
    (sum, value) => sum + (ArrayBuffer.isView(value) ? value.byteLength : 0),
    1024,
  );

/** A message's CDR bytes. */
export const encode = <S extends SchemaName>(schema: S, message: Messages[S]): Uint8Array =>
  encoderOf(SCHEMAS[schema])(message, sizeOf(message));

/** A message from its CDR bytes. */
export const decode = <S extends SchemaName>(schema: S, data: Uint8Array): Messages[S] =>
  decodeAs<Messages[S]>(SCHEMAS[schema], data);

/** The same by the definition that a file has of it, which may be an older one. */
export const decodeAs = <T>(definition: string, data: Uint8Array): T =>
  readerOf(definition).readMessage<T>(data);
