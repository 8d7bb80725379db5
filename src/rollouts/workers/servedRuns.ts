import { rm } from 'node:fs/promises';
import { WORK } from '../../nats/workNames.ts';
import { join } from 'node:path';
import { AckPolicy, type Consumer, type JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { UserError, messageOf } from '../../errors.ts';
import { watchPresence } from '../../nats/presence.ts';
import type { RolloutSettings } from '../rolloutWorker.ts';
import type { WorkPlace } from './place.ts';
import { NALU, type RunSign, headSchema, jobSubject, runSchema } from './protocol.ts';
import { fetchSetup } from './setup.ts';

/** Milliseconds without a sign of its worker after which an attempt is given to another one. */
const ACK_WAIT = 10_000;
/** Milliseconds between such signs. */
export const SIGN_EVERY = 3000;
/** Milliseconds after which a run that could not be prepared is tried again. */
const AGAIN = 30_000;
/** Milliseconds that a run without workers keeps its place in the queue. */
const UNUSED = 3600_000;

/** What names a run, and its folder here. */
const RUN = /^[0-9a-f]{16}$/;

/** A run whose attempts this worker makes. */
export interface ServedRun {
  id: string;
  /** Runs that share it have their attempts made alike. */
  key: string;
  settings: RolloutSettings;
  /** An attempt of it; null where there was none within so many milliseconds. */
  next: (expires: number) => Promise<JsMsg | null>;
}

/** The runs at a server, as one worker sees them. */
export interface ServedRuns {
  /** Those that it can serve. */
  ready(): readonly ServedRun[];
  /** Why it leaves others alone, by run. */
  declined(): Record<string, string>;
  close(): Promise<void>;
}

export interface ServedRunsOptions {
  place: WorkPlace;
  /** Where policies are kept while they are in use. */
  folder: string;
  log: (line: string) => void;
  /** Hears that there is another run, or one less. */
  onChange: () => void;
}

/** The queue of a run's attempts, each of which one worker has at a time. */
async function consumerOf({ nats }: WorkPlace, run: string): Promise<Consumer> {
  await nats.manager.consumers.add(WORK.jobs, {
    durable_name: run,
    filter_subject: jobSubject(run),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT),
    max_ack_pending: 10_000,
    inactive_threshold: nanos(UNUSED),
  });
  return nats.jetstream.consumers.get(WORK.jobs, run);
}

/** Asks for attempts of a run, whose place in the queue is made again where the server has forgotten it. */
async function asker(place: WorkPlace, run: string): Promise<ServedRun['next']> {
  let consumer: Consumer | undefined = await consumerOf(place, run);
  return async (expires) => {
    consumer ??= await consumerOf(place, run);
    try {
      return await consumer.next({ expires });
    } catch (error) {
      consumer = undefined;
      throw error;
    }
  };
}

/** What a run says of itself. Throws a `UserError` for one of another version. */
function readRun(value: unknown): RunSign {
  const nalu = headSchema.safeParse(value).data?.nalu;
  const read = runSchema.safeParse(value);
  if (read.success && nalu === NALU) return read.data;
  throw new UserError(
    `it is of Nalu ${nalu ?? 'of an unknown version'}, this worker of ${NALU}; install the same on both sides`,
    { kind: 'mismatch', fields: ['nalu'] },
  );
}

/** Follows the runs at the server, and fetches what their attempts need. */
export async function followRuns(options: ServedRunsOptions): Promise<ServedRuns> {
  const { place, folder, log, onChange } = options;
  const served = new Map<string, ServedRun>();
  const declined = new Map<string, { reason: string; until: number }>();
  const preparing = new Map<string, Promise<void>>();

  const folderOf = (id: string) => join(folder, id);
  const prepare = async (id: string, value: unknown) => {
    const { setup, name, policy, task } = readRun(value);
    const settings = await fetchSetup(place.nats, setup, folderOf(id));
    served.set(id, { id, key: setup.sha256, settings, next: await asker(place, id) });
    log(`run ${id} of ${name}: ${policy}, ${task}`);
  };
  const begin = async (id: string, value: unknown) => {
    try {
      await prepare(id, value);
      declined.delete(id);
    } catch (error) {
      const reason = messageOf(error);
      if (declined.get(id)?.reason !== reason) log(`run ${id} is left to others: ${reason}`);
      declined.set(id, { reason, until: performance.now() + AGAIN });
    } finally {
      preparing.delete(id);
      onChange();
    }
  };
  const see = (value: unknown, id: string): true | undefined => {
    if (!RUN.test(id)) return undefined;
    const isTooEarly = performance.now() < (declined.get(id)?.until ?? 0);
    if (!served.has(id) && !preparing.has(id) && !isTooEarly) preparing.set(id, begin(id, value));
    return true;
  };
  const runs = await watchPresence(place.runs, see, (present) => {
    for (const id of [...served.keys(), ...declined.keys()]) {
      if (present.has(id)) continue;
      declined.delete(id);
      if (served.delete(id)) log(`run ${id} is over`);
      void rm(folderOf(id), { recursive: true, force: true }).catch(() => undefined);
    }
    onChange();
  });
  return {
    ready: () => [...served.values()],
    declined: () => Object.fromEntries([...declined].map(([id, { reason }]) => [id, reason])),
    async close() {
      runs.close();
      await Promise.all(preparing.values());
    },
  };
}
