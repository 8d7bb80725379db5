import { UserError, messageOf } from '../errors.ts';
import type { Calls } from './calls.ts';
import { type ProcessOptions, startProcess } from './child.ts';
import { createQueue } from './queue.ts';

/** Jobs that processes share among them. */
export interface PoolWork<Remote, Job, Result> {
  jobs: readonly Job[];
  call: (worker: Calls<Remote>, job: Job) => Promise<Result>;
  onResult: (result: Result) => void;
  /** What errors call a job, as `seed 7`. */
  nameOf: (job: Job) => string;
  /** No job is begun after it aborts. */
  signal?: AbortSignal;
}

/**
 * Processes of one module that work beside each other, each on one call at a time. A failure is a
 * `UserError` that names the process and the job, or an `Error` for a fault of the program.
 */
export interface Pool<Remote> {
  /** Each process takes the next job when it is done with the one before. Rejects at the first failure. */
  each<Job, Result>(work: PoolWork<Remote, Job, Result>): Promise<void>;
  /** Calls every process once, after the calls before. */
  all(call: (worker: Calls<Remote>) => Promise<unknown>): Promise<void>;
  /** Rejects when a process cannot begin or has ended. */
  readonly failed: Promise<never>;
  /** Closes every process once it has begun. */
  close: () => Promise<void>;
  /** Ends every process at once, whatever it does. */
  kill: () => Promise<void>;
}

function startWorker<Remote>(module: URL, { name, ...options }: ProcessOptions) {
  const child = startProcess<Remote>(module, { ...options, name: 'it' });
  const inOrder = createQueue();
  let job: string | undefined;
  const failure = (error: unknown): Error => {
    const message = `${name} failed${job === undefined ? '' : ` at ${job}`}: ${messageOf(error)}`;
    return error instanceof UserError
      ? new UserError(message, error)
      : new Error(message, { cause: error });
  };
  const failed = Promise.all([child.opened, child.ended]).catch((error: unknown) => {
    throw failure(error);
  });
  failed.catch(() => undefined);
  return {
    failed: failed as Promise<never>,
    call: <Result>(call: (worker: Calls<Remote>) => Promise<Result>, named?: string) =>
      inOrder(async () => {
        try {
          await child.opened;
          job = named;
          return await call(child);
        } catch (error) {
          throw failure(error);
        }
      }),
    async close() {
      await child.opened.then(child.close, child.kill);
    },
    kill: child.kill,
  };
}

/** Starts so many processes of a module; their name in `options` is that of one of them, as `a rollout process`. */
export function openPool<Remote>(
  module: URL,
  processes: number,
  options: ProcessOptions,
): Pool<Remote> {
  const workers = Array.from({ length: processes }, () => startWorker<Remote>(module, options));
  const forAll = async (act: (worker: (typeof workers)[number]) => Promise<unknown>) => {
    await Promise.all(workers.map(act));
  };
  const failed = Promise.race(workers.map((worker) => worker.failed));
  failed.catch(() => undefined);
  return {
    failed,
    each({ jobs, call, onResult, nameOf, signal }) {
      const left = jobs.values();
      let isOver = false;
      return forAll(async (worker) => {
        while (!isOver && !signal?.aborted) {
          const { value: job, done } = left.next();
          if (done) return;
          try {
            onResult(await worker.call((child) => call(child, job), nameOf(job)));
          } catch (error) {
            isOver = true;
            throw error;
          }
        }
      });
    },
    all: (call) => forAll((worker) => worker.call(call)),
    close: () => forAll((worker) => worker.close()),
    kill: () => forAll((worker) => worker.kill()),
  };
}
