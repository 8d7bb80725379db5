import { setImmediate } from 'node:timers/promises';
import type { SessionConfig } from '../../session/session.ts';
import type { Adapter } from '../bundle/adapter.ts';
import type { ChunkPolicy } from '../chunkPolicy.ts';
import type { PolicyFunctions, PolicyWorkerData } from './policyWorker.ts';
import { openImageMemory } from '../../images/scaling.ts';
import type { Trainable } from '../trainable.ts';
import { openThread } from '../../processes/child.ts';
import { createQueue } from '../../processes/queue.ts';
import { imageSlot } from '../../images/imageSlot.ts';
import type { Bundle } from '../bundle/config.ts';
import { DEFAULT_JOIN, type JoinChoice, sampledJoin } from '../joinKinds.ts';
import { joinOf } from '../families/registry.ts';

/** A policy in a worker thread, which may learn while it is used. */
export interface WorkerPolicy extends ChunkPolicy {
  /** Those that its chunks are computed on, in order: what could be had of the session's. */
  readonly executionProviders: readonly string[];
  /**
   * Takes an adapter over after the chunk that is being sampled, or without one the bundle's own weights, at next to no
   * cost to this thread. Rejects with a `UserError` if it does not fit; the parameters before it stay.
   */
  adopt(adapter?: Adapter): Promise<void>;
}

export interface WorkerPolicyOptions {
  /** The parameters that can be exchanged by `adopt`; without it, those of the bundle's adapter. */
  trainable?: Trainable;
  /** How its chunks join the one in play. */
  join?: JoinChoice;
  /** Whether chunks come with features of what the policy saw. */
  features?: boolean;
}

/**
 * A bundle's policy in a worker thread, since ONNX Runtime blocks the thread that calls it. Chunks
 * are sampled one at a time; a request waits for the one before it. Throws a `UserError` for a bundle that
 * cannot be run, or whose family has no such join.
 */
export async function openWorkerPolicy(
  bundle: Bundle,
  session: SessionConfig,
  { trainable, join: choice = DEFAULT_JOIN, features }: WorkerPolicyOptions = {},
): Promise<WorkerPolicy> {
  const join = joinOf(bundle, choice);
  const memory = openImageMemory();
  const joins = sampledJoin(join);
  const data: PolicyWorkerData = { bundle, session, trainable, joins, features, memory };
  const url = new URL('./policyWorker.js', import.meta.url);
  const worker = await openThread<PolicyFunctions>(url, { name: "the policy's thread", data });
  const executionProviders = await worker.ask('executionProviders');
  const inOrder = createQueue();
  const share = bundle.cameras.map(() => imageSlot(memory));
  return {
    cameras: bundle.cameras,
    horizon: bundle.shape.horizon,
    executeSteps: bundle.executeSteps,
    join,
    executionProviders,
    sample: ({ frames, joints, prompt, turn, absent: missing = [] }, noise, join) =>
      inOrder(async () => {
        await Promise.all(frames.map((frame) => frame.pixels()));
        const start = performance.now();
        const absent = missing.map((camera) => bundle.cameras.indexOf(camera));
        const present = bundle.cameras.map((_, i) => i).filter((i) => !absent.includes(i));
        for (const [place, frame] of frames.entries()) {
          const camera = present[place];
          // Scaled while the next one is copied.
          worker.notify('see', camera, await share[camera](frame));
          // A control step that is due does not wait for the other cameras' bytes.
          await setImmediate();
        }
        const state = joints.position;
        const chunk = await worker.ask('sample', { state, prompt, noise, turn, join, absent });
        return { ...chunk, timing: { ...chunk.timing, total: performance.now() - start } };
      }),
    adopt: (adapter) => inOrder(() => worker.ask('adopt', adapter)),
    close: () => inOrder(() => worker.close()),
  };
}
