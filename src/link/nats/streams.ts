import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { nanos } from '@nats-io/transport-node';
import { UserError } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { FLEET, HEALTH } from './fleet.ts';
import { ADAPTERS, BEAT, EPISODES, NATS_PART_BYTES, PARTS, POLICY, robotSubject } from './subjects.ts'; // prettier-ignore

const MEBIBYTE = 2 ** 20;
const DAY = 24 * 3600 * 1000;
/** Of each robot's wanted versions. */
const HISTORY = 16;
/** Of what the learner tells, and of orders: the most that a bucket may keep. */
const FLEET_HISTORY = 64;

/** The buckets of wanted versions, and of what people are told and order. */
export interface Buckets {
  policy: KV;
  fleet: KV;
}

/** What all streams share: a message replaces the one of its subject, and what has no room is refused. */
const COMMON: Partial<StreamConfig> = {
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_msgs_per_subject: 1,
  max_age: nanos(7 * DAY),
  allow_direct: true,
};

/** The streams with their limits. One that is there already keeps the limits that it was given. */
const STREAMS: (Partial<StreamConfig> & Pick<StreamConfig, 'name'>)[] = [
  {
    ...COMMON,
    name: EPISODES,
    subjects: ['nalu.episode.>'],
    retention: RetentionPolicy.Workqueue,
    max_bytes: 64 * MEBIBYTE,
    max_msg_size: NATS_PART_BYTES,
  },
  {
    ...COMMON,
    name: PARTS,
    subjects: ['nalu.part.>'],
    max_bytes: 2048 * MEBIBYTE,
    max_msg_size: 2 * NATS_PART_BYTES,
  },
  {
    ...COMMON,
    name: ADAPTERS,
    subjects: ['nalu.adapter.>'],
    max_bytes: 1024 * MEBIBYTE,
    max_msg_size: 2 * NATS_PART_BYTES,
    max_age: 0,
  },
  {
    ...COMMON,
    name: HEALTH,
    subjects: [robotSubject('*', 'health'), robotSubject('*', 'event'), BEAT],
    discard: DiscardPolicy.Old,
    max_bytes: 64 * MEBIBYTE,
    max_age: nanos(90 * DAY),
  },
];

/** Codes of JetStream's errors. */
const STREAM_IS_THERE = 10058;
const NO_ROOM = [10023, 10047, 10054, 10077, 10122];

/** Whether a server refused a message because a limit was reached. */
export const isLimit = (error: unknown): boolean =>
  error instanceof JetStreamApiError && NO_ROOM.includes(error.code);

const limitError = (nats: Nats, what: string, error: unknown) =>
  new UserError(
    `${nats.address}: the server has no room for ${what} (${(error as Error).message}); raise max_file_store in its configuration`,
    { cause: error, kind: 'unready', subject: nats.address },
  );

/** Makes the streams and buckets of the link where they are absent. Throws a `UserError` for a server without room. */
export async function openStreams(nats: Nats): Promise<Buckets> {
  const { manager, jetstream } = nats;
  for (const stream of STREAMS)
    await manager.streams.add(stream).catch((error: unknown) => {
      if (error instanceof JetStreamApiError && error.code === STREAM_IS_THERE) return;
      throw isLimit(error) ? limitError(nats, `the stream ${stream.name}`, error) : error;
    });
  const open = (name: string, history: number) =>
    new Kvm(jetstream)
      .create(name, { history, max_bytes: 64 * MEBIBYTE, storage: StorageType.File })
      .catch((error: unknown) => {
        throw isLimit(error) ? limitError(nats, `the bucket ${name}`, error) : error;
      });
  return { policy: await open(POLICY, HISTORY), fleet: await open(FLEET, FLEET_HISTORY) };
}
