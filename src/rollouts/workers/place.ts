import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { ALL_OBJECTS, WORK } from '../../nats/workNames.ts';
import { type KV, Kvm } from '@nats-io/kv';
import { nanos } from '@nats-io/transport-node';
import { UserError, messageOf } from '../../errors.ts';
import { type Nats, connectNats } from '../../nats/connect.ts';
import { LIFE } from '../../nats/presence.ts';
import { ALL_JOBS, ALL_RESULTS } from './protocol.ts';

const MEBIBYTE = 2 ** 20;
const DAY = nanos(24 * 3600 * 1000);

/** Objects and messages of runs that ended without tidying up go by their age. */
const STREAMS = {
  [WORK.jobs]: {
    subjects: [ALL_JOBS],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_msgs: 100_000,
    max_bytes: 128 * MEBIBYTE,
    max_age: DAY,
  },
  [WORK.results]: {
    subjects: [ALL_RESULTS],
    discard: DiscardPolicy.New,
    max_msgs: 100_000,
    max_bytes: 128 * MEBIBYTE,
    max_age: DAY,
  },
  /** Of one run's policy, and the episodes on their way; an operator may give it more. */
  [WORK.objects]: {
    subjects: [ALL_OBJECTS],
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_bytes: 2048 * MEBIBYTE,
    max_age: 7 * DAY,
    allow_direct: true,
  },
} satisfies Record<string, Partial<StreamConfig>>;

/** Where runs and workers meet at a NATS server. */
export interface WorkPlace {
  nats: Nats;
  runs: KV;
  workers: KV;
  /** Whether the server can be reached now. */
  isReachable: () => boolean;
  close(): Promise<void>;
}

async function ensureStream(manager: JetStreamManager, name: keyof typeof STREAMS): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    const isLacking = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound; // prettier-ignore
    if (!isLacking) throw error;
    await manager.streams.add({ name, storage: StorageType.File, ...STREAMS[name] });
  }
}

const presence = (nats: Nats, bucket: string): Promise<KV> =>
  new Kvm(nats.jetstream).create(bucket, { history: 1, ttl: LIFE, max_bytes: 16 * MEBIBYTE });

export interface WorkPlaceOptions {
  /** `nats://HOST:PORT` */
  address: string;
  /** Folder of keys that the server knows. */
  keys?: string;
  log: (line: string) => void;
}

/** Connects to the NATS server and makes there what is lacking. Throws a `UserError` where that cannot be. */
export async function openWorkPlace({ address, keys, log }: WorkPlaceOptions): Promise<WorkPlace> {
  let isBroken = false;
  const nats = await connectNats({
    ...{ address, keys },
    onChange(broken) {
      if (broken === undefined && isBroken) log(`the server at ${nats.address} is back`);
      else if (broken !== undefined) log(`${broken}; trying again`);
      isBroken = broken !== undefined;
    },
  });
  try {
    await ensureStream(nats.manager, WORK.jobs);
    await ensureStream(nats.manager, WORK.results);
    await ensureStream(nats.manager, WORK.objects);
    return {
      nats,
      runs: await presence(nats, WORK.runs),
      workers: await presence(nats, WORK.workers),
      isReachable: () => !isBroken,
      close: () => nats.close(),
    };
  } catch (error) {
    await nats.close();
    throw new UserError(
      `${nats.address}: the queue of attempts cannot be opened there: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
