import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import { UserError, messageOf } from '../../errors.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { fetchFile, putFile } from '../../nats/objects.ts';
import { persist } from '../../nats/persist.ts';
import { parseJson, validate } from '../../validate.ts';
import { type RolloutPool, ownProcesses } from '../pool.ts';
import type { RolloutResult } from '../rolloutWorker.ts';
import type { WorkPlace } from './place.ts';
import { type Job, type JobResult, jobSchema, resultSubject } from './protocol.ts';
import { SIGN_EVERY, type ServedRun, type ServedRuns } from './servedRuns.ts';

/** Times that an attempt may fail, by whatever worker, before its run hears of it. */
const MOST_FAILURES = 3;
/** Times that it is given out in all: each worker that took it died. */
const MOST_DELIVERIES = 10;
/** Milliseconds before one that failed is given out again. */
const RETRY_AFTER = 1000;
/** Milliseconds that one run is asked for an attempt: where it is the only one, and where there are others. */
const ASK = { alone: 5000, among: 1000 };
/** Milliseconds after a queue that could not be read. */
const PAUSE = 1000;

/** What happens to the attempts of a slot. */
export interface SlotListener {
  /** It makes one, or no more. */
  busy: (isBusy: boolean) => void;
  made: () => void;
  problem: (text: string) => void;
}

export interface SlotOptions extends SlotListener {
  place: WorkPlace;
  runs: ServedRuns;
  /** Resolves when runs have come or gone. */
  change: () => Promise<unknown>;
  folder: string;
  signal: AbortSignal;
}

/** A process of this worker, and what it was opened for. */
interface Opened {
  key: string;
  pool: RolloutPool;
  adapter: string | undefined;
}

const onlyResult = async (
  pool: RolloutPool,
  attempt: Parameters<RolloutPool['run']>[0][number],
) => {
  let made: RolloutResult | undefined;
  await pool.run([attempt], (result) => (made = result));
  return made!;
};

/** An attempt that was made, and the folder of its episode. */
type Played = RolloutResult & { recorded: string };

/** What there is to tell of an attempt; its episode is at the server then, and no longer here. */
async function handIn(
  { place: { nats }, signal }: SlotOptions,
  { success, steps, episode, recorded }: Played,
): Promise<JobResult['outcome']> {
  try {
    const put = () => persist(signal, () => putFile(nats, episode!));
    return { success, steps, episode: episode === null ? null : await put() };
  } finally {
    await rm(recorded, { recursive: true, force: true });
  }
}

/** A process that plays what jobs say. */
function createPlayer({ place: { nats }, folder, signal }: SlotOptions) {
  let opened: Opened | undefined;
  const adapterFile = join(folder, 'adapter.safetensors');

  const close = async () => {
    const { pool } = opened ?? {};
    opened = undefined;
    await pool?.close();
  };
  /** Has the process ready for a job: of its run, with its adapter. */
  const ready = async ({ key, settings }: ServedRun, { adapter }: Job): Promise<RolloutPool> => {
    const isOther = opened?.key !== key || (opened.adapter !== undefined && !adapter);
    if (isOther) await close();
    opened ??= { key, pool: ownProcesses(settings, 1), adapter: undefined };
    if (adapter && opened.adapter !== adapter.sha256) {
      await persist(signal, () => fetchFile(nats, adapter, adapterFile, 'the adapter'));
      await opened.pool.adopt(adapterFile);
      opened.adapter = adapter.sha256;
    }
    return opened.pool;
  };
  return {
    close,
    /** Makes an attempt, of which the episode is still here. Rejects with a `UserError` where it cannot. */
    async play(run: ServedRun, job: Job): Promise<Played> {
      const { seed, exploration, zeroNoise, episode: id } = job;
      const recorded = join(folder, randomUUID());
      try {
        await makeFolder(recorded);
        const record = id === undefined ? undefined : { folder: recorded, id };
        const pool = await ready(run, job);
        return { ...(await onlyResult(pool, { seed, exploration, zeroNoise, record })), recorded };
      } catch (error) {
        // Its process may have ended, or be in a state that nobody knows.
        await close();
        await rm(recorded, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

function readJob(message: JsMsg): Job | undefined {
  try {
    return validate(jobSchema, parseJson(message.string(), 'the attempt'), 'the attempt');
  } catch {
    return undefined;
  }
}

/**
 * Makes the attempt of a message. What came of it is said while the next one is made: when `finished` resolves. Until then
 * the server knows that it is being made.
 */
async function serve(
  run: ServedRun,
  message: JsMsg,
  player: ReturnType<typeof createPlayer>,
  options: SlotOptions,
): Promise<{ finished: Promise<void> } | undefined> {
  const { runs, signal, busy, made, problem } = options;
  const { nats } = options.place;
  const job = readJob(message);
  if (!job) {
    problem(`run ${run.id} asked for something that is no attempt`);
    message.term();
    return undefined;
  }
  const answer = (outcome: JobResult['outcome']) => {
    const result: JobResult = { id: job.id, worker: nats.name, outcome };
    return persist(signal, () => nats.jetstream.publish(resultSubject(run.id), JSON.stringify(result))); // prettier-ignore
  };
  const { deliveryCount } = message.info;
  const alive = setInterval(() => message.working(), SIGN_EVERY);
  busy(true);
  const end = () => {
    clearInterval(alive);
    busy(false);
  };
  const fail = async (error: unknown) => {
    if (signal.aborted) return message.nak();
    const text = messageOf(error);
    problem(`seed ${job.seed}: ${text}`);
    if (deliveryCount < MOST_FAILURES) return message.nak(RETRY_AFTER);
    await answer({ error: text });
    message.ack();
  };
  const finish = async (played: Played) => {
    // Another worker was faster, and nobody waits for it any more.
    if (!runs.ready().includes(run)) return rm(played.recorded, { recursive: true, force: true });
    await answer(await handIn(options, played));
    message.ack();
    made();
  };
  try {
    if (deliveryCount > MOST_DELIVERIES)
      throw new UserError(`it was given out ${MOST_DELIVERIES} times, and each worker died that took it`, { kind: 'unreachable' }); // prettier-ignore
    const played = await player.play(run, job);
    return { finished: finish(played).catch(fail).finally(end) };
  } catch (error) {
    await fail(error).finally(end);
    return undefined;
  }
}

/** Makes one attempt after the other, of whichever run has some, until the signal aborts. */
export async function runSlot(options: SlotOptions): Promise<void> {
  const { runs, change, signal, problem } = options;
  const folder = join(options.folder, randomUUID());
  await makeFolder(folder);
  const player = createPlayer({ ...options, folder });
  const stop = () => void player.close();
  signal.addEventListener('abort', stop);
  const over = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined)),
  );
  /** The attempt before the one that is being made: no other is under way. */
  let finishing: Promise<void> | undefined;
  while (!signal.aborted) {
    const ready = runs.ready();
    const expires = ready.length > 1 ? ASK.among : ASK.alone;
    for (const run of ready)
      try {
        const message = await Promise.race([run.next(expires), over]);
        if (!message) continue;
        const served = await serve(run, message, player, options);
        const before = finishing;
        finishing = served?.finished;
        finishing?.catch(() => undefined);
        await before;
      } catch (error) {
        if (signal.aborted) break;
        problem(`run ${run.id}: ${messageOf(error)}`);
        await Promise.race([setTimeout(PAUSE), over]);
      }
    if (ready.length === 0) await Promise.race([change(), over]);
  }
  await player.close();
  await finishing?.catch(() => undefined);
}
