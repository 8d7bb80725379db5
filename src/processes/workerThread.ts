import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { ServiceReply } from './workerService.ts';

/** A worker thread that answers requests one at a time; see workerService.ts for its side. */
export interface WorkerThread<Request, Answer, Notice = never> {
  /** Sends what `make` gives once the request before it is answered. Rejects with what the worker threw. */
  ask(make: () => Request | Promise<Request>): Promise<Answer>;
  /** Says something that has no answer, ahead of the next request. */
  tell(notice: Notice): void;
  close(): Promise<void>;
}

/** Starts a worker; rejects with what its opening threw. */
export async function openWorkerThread<Request, Answer, Notice = never>(
  url: URL,
  data: unknown,
): Promise<WorkerThread<Request, Answer, Notice>> {
  const worker = new Worker(url, { workerData: data });
  let failure: Error | undefined;
  let waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    waiting?.reject(error);
  };
  worker.once('error', fail);
  worker.once('exit', (code) => fail(new Error(`its thread ended with exit code ${code}`)));
  worker.on('message', (reply: ServiceReply<Answer>) => {
    if ('answer' in reply) return waiting?.resolve(reply.answer);
    const { message, stack, isUserError } = reply.error;
    waiting?.reject(
      isUserError ? new UserError(message) : Object.assign(new Error(message), { stack }),
    );
  });
  // Not a race with the failure: that would keep every answer as long as the worker.
  const answer = () =>
    new Promise<Answer>((resolve, reject) => {
      waiting = { resolve, reject };
      if (failure !== undefined) reject(failure);
    });

  await answer().catch(async (error: unknown) => {
    await worker.terminate();
    throw error;
  });

  let previous: Promise<unknown> = Promise.resolve();
  return {
    ask(make) {
      const done = previous.then(async () => {
        worker.postMessage({ request: await make() });
        return answer();
      });
      previous = done.catch(() => undefined);
      return done;
    },
    tell: (notice) => worker.postMessage({ told: notice }),
    async close() {
      await previous;
      const exited = once(worker, 'exit');
      worker.postMessage('close');
      await answer();
      await exited;
    },
  };
}
