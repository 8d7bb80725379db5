import { UserError, messageOf } from '../../errors.ts';
import { WORK } from '../../nats/workNames.ts';
import { wholePath } from '../../episodes/files.ts';
import type { Digest } from '../../files/digest.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { fetchFile, removeFile } from '../../nats/objects.ts';
import { persist } from '../../nats/persist.ts';
import { validate } from '../../validate.ts';
import type { Attempt, RolloutResult } from '../rolloutWorker.ts';
import type { WorkPlace } from './place.ts';
import { type Job, type JobResult, jobSubject, resultSchema, resultSubject } from './protocol.ts';

/** Times that an attempt is queued again whose episode did not arrive as it was announced. */
const MOST_LOST = 3;

/** Milliseconds: a server that was restarted is noticed by its silence. */
const LISTEN = { expires: 10_000, idle_heartbeat: 1000 };

/** An attempt that is being made somewhere. */
interface Waiting {
  attempt: Attempt;
  adapter: Digest | undefined;
  lost: number;
  resolve: (result: RolloutResult) => void;
  reject: (error: Error) => void;
}

/** The attempts that a run has queued at the server. */
export interface Jobs {
  /** Queues an attempt, to be played with an adapter; resolves to what came of it. Rejects with a `UserError`. */
  make(attempt: Attempt, adapter: Digest | undefined): Promise<RolloutResult>;
  /** Those that nobody has made yet. */
  waiting(): number;
  /** Rejects with a `UserError` when results cannot be read any more. */
  readonly failed: Promise<never>;
  /** Takes back what nobody has made yet. */
  close(): Promise<void>;
}

export interface JobsOptions {
  place: WorkPlace;
  run: string;
  log: (line: string) => void;
}

/** Takes an episode off the server, which would forget it later by itself. */
const forgetEpisode = ({ nats }: WorkPlace, episode: Digest) =>
  removeFile(nats, episode).catch(() => undefined);

/** Writes the episode of a result where its attempt wants it; gives its path. */
async function keepEpisode(
  place: WorkPlace,
  { record, seed }: Attempt,
  episode: Digest | null,
  signal: AbortSignal,
): Promise<string | null> {
  if (episode === null || record === undefined) return null;
  const path = wholePath(record.folder, record.id);
  await makeFolder(record.folder);
  const what = `the episode of seed ${seed}`;
  await persist(signal, () => fetchFile(place.nats, episode, path, what));
  void forgetEpisode(place, episode);
  return path;
}

/** Opens the queue of a run. */
export async function openJobs({ place, run, log }: JobsOptions): Promise<Jobs> {
  const { nats } = place;
  const closing = new AbortController();
  const waiting = new Map<string, Waiting>();
  let queued = 0;

  const queue = async (work: Waiting): Promise<void> => {
    const { attempt, adapter } = work;
    const { seed, exploration, zeroNoise, record } = attempt;
    const id = String(queued++);
    waiting.set(id, work);
    const job: Job = { id, seed, exploration, zeroNoise, episode: record?.id, adapter };
    const text = JSON.stringify(job);
    await persist(closing.signal, () =>
      nats.jetstream.publish(jobSubject(run), text, { msgID: `${run} ${id}` }),
    ).catch((error: Error) => {
      waiting.delete(id);
      work.reject(error);
    });
  };

  const take = async ({ id, worker, outcome }: JobResult): Promise<void> => {
    const work = waiting.get(id);
    // Another worker was faster, after this one seemed lost.
    if (!work) {
      if ('episode' in outcome && outcome.episode) await forgetEpisode(place, outcome.episode);
      return;
    }
    waiting.delete(id);
    const { attempt } = work;
    const { seed } = attempt;
    if ('error' in outcome)
      return work.reject(new UserError(`worker ${worker} failed at seed ${seed}: ${outcome.error}`)); // prettier-ignore
    const { success, steps } = outcome;
    try {
      const episode = await keepEpisode(place, attempt, outcome.episode, closing.signal);
      work.resolve({ seed, success, steps, episode });
    } catch (error) {
      if (++work.lost > MOST_LOST) return work.reject(error as Error);
      log(`worker ${worker}: ${messageOf(error)}; the attempt is made again`);
      await queue(work);
    }
  };

  const consumer = await nats.jetstream.consumers.get(WORK.results, { filter_subjects: resultSubject(run) }); // prettier-ignore
  const messages = await consumer.consume(LISTEN);
  const takeAll = async (): Promise<never> => {
    for await (const message of messages)
      try {
        await take(validate(resultSchema, message.json(), "a worker's result"));
      } catch (error) {
        log(`a result was left out: ${messageOf(error)}`);
      }
    if (closing.signal.aborted) return new Promise<never>(() => undefined);
    throw new UserError(`${nats.address}: the stream ${WORK.results} was removed there; start this again`, { kind: 'missing', subject: nats.address, fields: [WORK.results] }); // prettier-ignore
  };
  const failed = takeAll();
  failed.catch(() => undefined);

  return {
    failed,
    make: (attempt, adapter) =>
      new Promise((resolve, reject) => {
        void queue({ attempt, adapter, lost: 0, resolve, reject });
      }),
    waiting: () => waiting.size,
    async close() {
      closing.abort();
      // The server forgets them by itself, too.
      if (!place.isReachable()) return;
      await messages.close();
      for (const [stream, filter] of [
        [WORK.jobs, jobSubject(run)],
        [WORK.results, resultSubject(run)],
      ])
        await nats.manager.streams.purge(stream, { filter }).catch(() => undefined);
    },
  };
}
