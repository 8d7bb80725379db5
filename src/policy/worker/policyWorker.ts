import type { SessionConfig } from '../../session/session.ts';
import type { Adapter } from '../bundle/adapter.ts';
import type { Chunk } from '../chunkPolicy.ts';
import { type ImageMemory, type SharedImage, createScaler, imageAt } from '../../images/scaling.ts';
import { type SampleRequest, openSampler } from '../sampler.ts';
import type { Trainable } from '../trainable.ts';
import { serve } from '../../processes/serve.ts';
import type { Bundle } from '../bundle/config.ts';
import type { SampledJoin } from '../joinKinds.ts';

/** What the thread of workerPolicy.ts is opened with. */
export interface PolicyWorkerData {
  bundle: Bundle;
  session: SessionConfig;
  trainable?: Trainable;
  joins?: SampledJoin;
  features?: boolean;
  /** Where its images lie. */
  memory: ImageMemory;
}

export interface PolicyFunctions {
  executionProviders: () => readonly string[];
  /** Takes a camera's image for the next chunk; `camera` is its place in the bundle. */
  see: (camera: number, image: SharedImage) => void;
  sample: (request: SampleRequest) => Promise<Chunk>;
  adopt: (adapter?: Adapter) => Promise<void>;
}

serve<PolicyFunctions, PolicyWorkerData>(async ({ memory, bundle, session, ...options }) => {
  const scaler = createScaler(memory);
  const sampler = await openSampler(bundle, session, { ...options, scaler });
  await sampler.verify();
  return {
    executionProviders: () => sampler.executionProviders,
    see: (camera, image) => sampler.see(camera, imageAt(memory, image)),
    sample: (request) => sampler.sample(request),
    adopt: (adapter) => sampler.adopt(adapter),
    close: () => sampler.close(),
  };
});
