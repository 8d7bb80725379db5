import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { CameraFrame } from '../robot/robot.ts';
import { type ImageMemory, type SharedImage, newestBytes } from './images.ts';
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
  const failure = new Promise<never>((_, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`its thread ended with exit code ${code}`)));
  });
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

/**
 * A camera's place in a memory that its worker scales images in: each frame is copied over the one before,
 * since a worker's requests wait for each other.
 */
export function imageSlot(memory: ImageMemory) {
  const place = newestBytes(memory);
  return async (frame: CameraFrame): Promise<SharedImage> => {
    const { width, height } = frame;
    const pixels = await frame.pixels();
    const slot = place(pixels.length);
    slot.set(pixels);
    return { width, height, at: slot.byteOffset };
  };
}
