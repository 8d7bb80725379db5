import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Digest, digest } from '../../files/digest.ts';
import { type Presence, startHeartbeat, watchPresence } from '../../nats/presence.ts';
import { persist } from '../../nats/persist.ts';
import { invocation } from '../../terminal/invocation.ts';
import { openParts } from '../../processes/openParts.ts';
import type { RolloutPool } from '../pool.ts';
import type { RolloutSettings } from '../rolloutWorker.ts';
import { openJobs } from './jobs.ts';
import { type WorkPlace, type WorkPlaceOptions, openWorkPlace } from './place.ts';
import { NALU, type RunSign, type WorkerSign, headSchema, workerSchema } from './protocol.ts';
import { openScratch } from './scratch.ts';
import { keepThere, readSetup } from './setup.ts';

/** Milliseconds for which attempts wait without a worker before that is said. */
const PATIENCE = 5000;

/** Says once of each worker why it leaves this run to others, and when there is none at all. */
function tellOfWorkers(run: string, address: string, log: (line: string) => void) {
  const told = new Set<string>();
  let lonely: number | undefined;
  const once = (line: string) => {
    if (!told.has(line)) log(line);
    told.add(line);
  };
  return {
    parse(value: unknown, key: string): WorkerSign | undefined {
      const read = workerSchema.safeParse(value);
      if (read.success) return read.data;
      const nalu = headSchema.safeParse(value).data?.nalu ?? 'an unknown version';
      once(`worker ${key} is of Nalu ${nalu}, this is ${NALU}; install the same there`);
      return undefined;
    },
    look(workers: Presence<WorkerSign>, waiting: number) {
      for (const { name, declined } of workers.all().values())
        if (run in declined) once(`worker ${name} makes no attempts of this run: ${declined[run]}`);
      const useful = [...workers.all().values()].some(({ declined }) => !(run in declined));
      if (useful || waiting === 0) {
        lonely = undefined;
        return;
      }
      lonely ??= performance.now();
      if (performance.now() - lonely < PATIENCE) return;
      lonely = Infinity;
      log(`${waiting} attempts wait, and there is no worker for them; start one: ${invocation(`worker ${address}`)}`); // prettier-ignore
    },
  };
}

/** Has the workers at a NATS server make attempts. Throws a `UserError` where that cannot be. */
export async function openWorkersPool(
  settings: RolloutSettings,
  options: WorkPlaceOptions,
): Promise<RolloutPool> {
  const { log } = options;
  const run = randomBytes(8).toString('hex');
  const { keep, closeAll } = openParts();
  try {
    const scratch = keep(await openScratch());
    const { setup, held } = await readSetup(settings, join(scratch.folder, 'setup.json'));
    const place: WorkPlace = keep(await openWorkPlace(options));
    const { nats } = place;
    const closing = new AbortController();
    const jobs = await openJobs({ place, run, log });
    keep(jobs);
    await keepThere(nats, held);
    const sign = (): RunSign => ({
      ...{ nalu: NALU, name: nats.name, policy: basename(settings.policy), task: settings.task },
      ...{ setup, waiting: jobs.waiting() },
    });
    const heartbeat = await startHeartbeat(place.runs, run, sign);
    keep({ close: () => (place.isReachable() ? heartbeat.close() : heartbeat.stop()) });
    const told = tellOfWorkers(run, nats.address, log);
    const workers = keep(
      await watchPresence(place.workers, (value, key) => told.parse(value, key)),
    );
    const timer = setInterval(() => told.look(workers, jobs.waiting()), 1000);
    keep({ close: () => (clearInterval(timer), closing.abort()) });
    let adapter: Digest | undefined;
    return {
      failed: jobs.failed,
      async run(attempts, onResult) {
        await persist(closing.signal, () => keepThere(nats, held));
        const made = attempts.map((attempt) => jobs.make(attempt, adapter));
        heartbeat.now();
        let last = Promise.resolve();
        for (const result of made)
          last = Promise.all([result, last]).then(([one]) => onResult(one));
        await last;
      },
      async adopt(path) {
        const before = adapter?.sha256;
        const file = join(scratch.folder, `${randomBytes(8).toString('hex')}.safetensors`);
        await copyFile(path, file);
        adapter = await digest(file);
        if (before !== undefined) held.delete(before);
        held.set(adapter.sha256, { path: file, content: adapter });
        await persist(closing.signal, () => keepThere(nats, held));
      },
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
