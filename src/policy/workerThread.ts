import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { Image } from './sampler.ts';
import type { ServiceReply } from './workerService.ts';

/** A worker thread that answers requests one at a time; see workerService.ts for its side. */
export interface WorkerThread<Request, Answer> {
  /** Sends what `make` gives once the request before it is answered. Rejects with what the worker threw. */
  ask(make: () => Request | Promise<Request>): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts a worker; rejects with what its opening threw. */
export async function openWorkerThread<Request, Answer>(
  url: URL,
  data: unknown,
): Promise<WorkerThread<Request, Answer>> {
  const worker = new Worker(url, { workerData: data });
  const failure = new Promise<never>((_, reject) => worker.once('error', reject));
  failure.catch(() => undefined);

  const answer = async (): Promise<Answer> => {
    const [reply] = (await Promise.race([once(worker, 'message'), failure])) as [
      ServiceReply<Answer>,
    ];
    if ('answer' in reply) return reply.answer;
    const { message, stack, isUserError } = reply.error;
    throw isUserError ? new UserError(message) : Object.assign(new Error(message), { stack });
  };

  await answer().catch(async (error: unknown) => {
    await worker.terminate();
    throw error;
  });

  let previous: Promise<unknown> = Promise.resolve();
  return {
    ask(make) {
      const done = previous.then(async () => {
        worker.postMessage(await make());
        return answer();
      });
      previous = done.catch(() => undefined);
      return done;
    },
    async close() {
      await previous;
      const exited = once(worker, 'exit');
      worker.postMessage('close');
      await answer();
      await exited;
    },
  };
}

/** A copy in shared memory, reused while frames keep their size: the worker reads it in place. */
export function sharedPixels() {
  let shared: Uint8Array = new Uint8Array();
  return async (frame: CameraFrame): Promise<Image> => {
    const { width, height } = frame;
    const pixels = await frame.pixels();
    if (shared.length !== pixels.length)
      shared = new Uint8Array(new SharedArrayBuffer(pixels.length));
    shared.set(pixels);
    return { width, height, pixels: shared };
  };
}
