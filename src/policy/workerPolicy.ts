import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { SessionConfig } from '../onnx/session.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { Adapter } from './adapter.ts';
import type { Bundle } from './bundle.ts';
import type { Chunk, ChunkPolicy } from './chunkPolicy.ts';
import type { WorkerReply, WorkerRequest } from './policyWorker.ts';
import type { Image } from './sampler.ts';
import type { Trainable } from './trainable.ts';

/** A copy in shared memory, reused while frames keep their size: the worker reads it in place. */
function sharedPixels() {
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

/** A policy in a worker thread, which may learn while it is used. */
export interface WorkerPolicy extends ChunkPolicy {
  /**
   * Takes an adapter over after the chunk that is being sampled, at next to no cost to this thread.
   * Rejects with a `UserError` if it does not fit; the parameters before it stay.
   */
  adopt(adapter: Adapter): Promise<void>;
}

/**
 * A bundle's policy in a worker thread, since ONNX Runtime blocks the thread that calls it. Chunks
 * are sampled one at a time; a request waits for the one before it.
 */
export async function openWorkerPolicy(
  bundle: Bundle,
  session: SessionConfig,
  trainable?: Trainable,
): Promise<WorkerPolicy> {
  const worker = new Worker(new URL('./policyWorker.js', import.meta.url), {
    workerData: { bundle, session, trainable },
  });
  const failure = new Promise<never>((_, reject) => worker.once('error', reject));
  failure.catch(() => undefined);

  const ask = async (request: WorkerRequest): Promise<WorkerReply> => {
    worker.postMessage(request);
    return answer();
  };
  const answer = async (): Promise<WorkerReply> => {
    const [reply] = (await Promise.race([once(worker, 'message'), failure])) as [WorkerReply];
    if (typeof reply === 'object' && 'error' in reply) {
      const { message, stack, isUserError } = reply.error;
      throw isUserError ? new UserError(message) : Object.assign(new Error(message), { stack });
    }
    return reply;
  };

  await answer().catch(async (error: unknown) => {
    await worker.terminate();
    throw error;
  });

  const share = bundle.cameras.map(sharedPixels);
  let previous: Promise<unknown> = Promise.resolve();
  const afterPrevious = <T>(job: () => Promise<T>): Promise<T> => {
    const done = previous.then(job);
    previous = done.catch(() => undefined);
    return done;
  };
  return {
    cameras: bundle.cameras,
    horizon: bundle.pi0.horizon,
    executeSteps: bundle.executeSteps,
    sample({ frames, joints, prompt }, noise) {
      return afterPrevious(async (): Promise<Chunk> => {
        const images = await Promise.all(frames.map((frame, i) => share[i](frame)));
        const began = performance.now();
        const reply = await ask({ sample: { images, state: joints.position, prompt, noise } });
        const { chunk } = reply as { chunk: Chunk };
        return { ...chunk, timing: { ...chunk.timing, total: performance.now() - began } };
      });
    },
    adopt: (adapter) =>
      afterPrevious(async () => {
        await ask({ adopt: adapter });
      }),
    async close() {
      await previous;
      const exited = once(worker, 'exit');
      await ask('close');
      await exited;
    },
  };
}
