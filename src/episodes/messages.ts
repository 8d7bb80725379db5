import type { Embodiment } from '../robot/embodiment.ts';
import type { Channel } from './channels.ts';
import type { ChunkRecord, ChunkTimeline } from './episode.ts';
import type {
  ChunkMessage,
  ChunkTimingMessage,
  JointStateMessage,
  JointTrajectoryMessage,
  SchemaName,
} from './schemas.ts';
import { headerAt, nanosecondsOf, stampOf } from './rosTime.ts';
import { SCHEMAS } from './schemas.ts';
import { SOLVERS } from '../policy/integration.ts';
import { JOINS, sampledJoin } from '../policy/joinKinds.ts';

/** An episode's topics that do not depend on its cameras. */
export const TOPICS = {
  jointStates: '/joint_states',
  jointCommands: '/joint_commands',
  actionChunk: '/action_chunk',
  chunk: '/nalu/chunk',
  chunkTiming: '/nalu/chunk_timing',
} as const;

/** The topic of a camera's images. */
export const imageTopic = (camera: string) => `/${camera}/image/compressed`;

const channel = (topic: string, type: SchemaName): Channel => ({
  topic,
  type,
  definition: SCHEMAS[type],
});

/** Every topic of an embodiment's episodes. */
export const channelsOf = ({ cameras }: Embodiment): Channel[] => [
  channel(TOPICS.jointStates, 'sensor_msgs/msg/JointState'),
  channel(TOPICS.jointCommands, 'sensor_msgs/msg/JointState'),
  channel(TOPICS.actionChunk, 'trajectory_msgs/msg/JointTrajectory'),
  channel(TOPICS.chunk, 'nalu_msgs/msg/Chunk'),
  channel(TOPICS.chunkTiming, 'nalu_msgs/msg/ChunkTiming'),
  ...cameras.map(({ name }) => channel(imageTopic(name), 'sensor_msgs/msg/CompressedImage')),
];

/** Names of an episode file's metadata records. */
export const METADATA = {
  header: 'nalu/header',
  result: 'nalu/result',
  /** In a recovered file with losses: their description. */
  recovery: 'nalu/recovery',
} as const;

const NONE = new Float64Array();
const NO_ROWS = new Float32Array();
const NO_TOKENS = new Int32Array();

/** Positions [joints] as a ROS JointState. */
export const jointStateMessage = (
  stamp: bigint,
  name: string[],
  position: Float64Array,
): JointStateMessage => ({
  header: headerAt(stamp),
  name,
  position,
  velocity: NONE,
  effort: NONE,
});

/** A chunk's actions [horizon, joints] as a ROS JointTrajectory, row 0 at `stamp`. */
export function trajectoryMessage(
  stamp: bigint,
  names: string[],
  controlRate: number,
  actions: Float32Array,
): JointTrajectoryMessage {
  const horizon = actions.length / names.length;
  return {
    header: headerAt(stamp),
    joint_names: names,
    points: Array.from({ length: horizon }, (_, row) => ({
      positions: Float64Array.from(actions.subarray(row * names.length, (row + 1) * names.length)),
      velocities: NONE,
      accelerations: NONE,
      effort: NONE,
      time_from_start: stampOf(BigInt(Math.round((row * 1e9) / controlRate))),
    })),
  };
}

export const chunkMessage = (record: ChunkRecord): ChunkMessage => ({
  header: headerAt(record.observationStamp),
  index: record.index,
  policy_version: record.policyVersion,
  cameras: Object.keys(record.frameStamps),
  frame_stamps: Object.values(record.frameStamps).map(stampOf),
  state: record.state,
  horizon: record.horizon,
  actions: record.actions,
  noise: record.noise,
  delay: record.delay,
  executed_from: record.executedFrom,
  executed_to: record.executedTo,
  held: record.held,
  join: record.join ?? '',
  previous: record.joined?.rows ?? NO_ROWS,
  prefix_weights: record.joined?.weights ?? NO_ROWS,
  view: record.view ?? NO_ROWS,
  offset: record.offset ?? NO_ROWS,
  flow_solver: record.integration?.solver ?? '',
  flow_steps: record.integration?.steps ?? 0,
  flow_times: Float64Array.from(record.integration?.times ?? []),
  tokens: record.tokens?.ids ?? NO_TOKENS,
  token_log_probabilities: record.tokens?.logProbabilities ?? NO_ROWS,
  temperature: record.tokens?.temperature ?? 0,
  flow_states: record.chain?.states ?? NO_ROWS,
  flow_noise: record.chain?.noise ?? NO_ROWS,
  flow_noise_size: record.chain?.size ?? 0,
  flow_noise_correlation: record.chain?.correlation ?? 0,
  flow_noise_persistence: record.chain?.persistence ?? 0,
  token_excess: record.tokens?.excess ?? 0,
});

function joinOf({ join, previous, prefix_weights: weights }: ChunkMessage) {
  const kind = JOINS.find((known) => known === join);
  if (kind === undefined) return {};
  const sampled = sampledJoin(kind);
  if (!sampled || !previous || !weights || weights.length === 0) return { join: kind };
  const joined = { kind: sampled, rows: previous.slice(), weights: weights.slice() };
  return { join: kind, joined };
}

function integrationOf(message: ChunkMessage): Pick<ChunkRecord, 'integration'> {
  const solver = SOLVERS.find((known) => known === message.flow_solver);
  if (solver === undefined) return {};
  const { flow_steps: steps = 0, flow_times: times } = message;
  return { integration: { steps, solver, ...(times?.length && { times: Array.from(times) }) } };
}

function tokensOf(message: ChunkMessage): Pick<ChunkRecord, 'tokens'> {
  const { tokens, token_log_probabilities: logProbabilities, temperature = 0 } = message;
  const { token_excess: excess = 0 } = message;
  if (!tokens?.length || !logProbabilities) return {};
  const written = { ids: tokens.slice(), logProbabilities: logProbabilities.slice(), temperature };
  return { tokens: { ...written, ...(excess !== 0 && { excess }) } };
}

function chainIn(message: ChunkMessage): Pick<ChunkRecord, 'chain'> {
  const { flow_states: states, flow_noise: noise, flow_noise_size: size = 0 } = message;
  const { flow_noise_correlation: correlation = 0, flow_noise_persistence: persistence = 0 } =
    message;
  if (!states?.length || !noise) return {};
  const parts = { states: states.slice(), noise: noise.slice() };
  return { chain: { ...parts, size, correlation, persistence } };
}

/** The timeline of a chunk as a message. */
export const chunkTimingMessage = (
  { index, observationStamp }: ChunkRecord,
  { requested, arrived, joined, firstCommand, timing }: ChunkTimeline,
): ChunkTimingMessage => ({
  header: headerAt(observationStamp),
  index,
  requested: stampOf(requested),
  arrived: stampOf(arrived),
  joined: stampOf(joined),
  first_command: stampOf(firstCommand ?? 0n),
  preprocess_ms: timing.preprocess,
  run_ms: timing.run,
  total_ms: timing.total,
});

export const chunkTimeline = (message: ChunkTimingMessage): ChunkTimeline => ({
  requested: nanosecondsOf(message.requested),
  arrived: nanosecondsOf(message.arrived),
  joined: nanosecondsOf(message.joined),
  firstCommand: nanosecondsOf(message.first_command) || null,
  timing: {
    preprocess: message.preprocess_ms,
    run: message.run_ms,
    total: message.total_ms,
  },
});

/** A chunk's record without its timeline. */
export const chunkRecord = (message: ChunkMessage): ChunkRecord => ({
  index: message.index,
  policyVersion: message.policy_version,
  observationStamp: nanosecondsOf(message.header.stamp),
  frameStamps: Object.fromEntries(
    message.cameras.map((camera, index) => [camera, nanosecondsOf(message.frame_stamps[index])]),
  ),
  state: message.state.slice(),
  horizon: message.horizon,
  actions: message.actions.slice(),
  noise: message.noise.slice(),
  delay: message.delay,
  executedFrom: message.executed_from,
  executedTo: message.executed_to,
  held: message.held,
  ...(message.view?.length && { view: message.view.slice() }),
  ...(message.offset?.length && { offset: message.offset.slice() }),
  ...integrationOf(message),
  ...tokensOf(message),
  ...chainIn(message),
  ...joinOf(message),
});
