import type { SessionConfig } from '../../session/session.ts';
import type { Adapter } from '../bundle/adapter.ts';
import type { Chunk } from '../chunkPolicy.ts';
import { type ImageMemory, type SharedImage, createScaler, imageAt } from '../../images/scaling.ts';
import { type SampleRequest, openSampler } from '../families/pi0/sampler.ts';
import type { Trainable } from '../trainable.ts';
import { serve } from '../../processes/workerService.ts';
import type { Bundle } from '../bundle/config.ts';
import type { SampledJoin } from '../joinKinds.ts';

/** What the worker of workerPolicy.ts is started with. */
export interface PolicyWorkerData {
  bundle: Bundle;
  session: SessionConfig;
  trainable?: Trainable;
  joins?: SampledJoin;
  /** Where its images lie. */
  memory: ImageMemory;
}

export type PolicyRequest = { sample: SampleRequest } | { adopt: Adapter } | 'executionProviders';
/** A camera's image for the next chunk, by the camera's place in the bundle. */
export interface SeenImage {
  camera: number;
  image: SharedImage;
}
export type PolicyAnswer = Chunk | void | readonly string[];

await serve<PolicyWorkerData, PolicyRequest, PolicyAnswer, SeenImage>(
  async ({ bundle, session, trainable, joins, memory }) => {
    const scaler = createScaler(memory);
    const sampler = await openSampler(bundle, session, trainable, joins, scaler);
    await sampler.verify();
    return {
      answer(request) {
        if (request === 'executionProviders') return sampler.executionProviders;
        if ('adopt' in request) return sampler.adopt(request.adopt);
        return sampler.sample(request.sample);
      },
      hear: ({ camera, image }) => sampler.see(camera, imageAt(memory, image)),
      close: () => sampler.close(),
    };
  },
);
