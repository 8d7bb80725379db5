import type { SessionConfig } from '../onnx/session.ts';
import type { Adapter } from './adapter.ts';
import type { Bundle } from './bundle.ts';
import type { Chunk } from './chunkPolicy.ts';
import type { SampledJoin } from './joining.ts';
import { type SampleRequest, openSampler } from './sampler.ts';
import type { Trainable } from './trainable.ts';
import { serve } from './workerService.ts';

/** What the worker of workerPolicy.ts is started with. */
export interface PolicyWorkerData {
  bundle: Bundle;
  session: SessionConfig;
  trainable?: Trainable;
  joins?: SampledJoin;
}

export type PolicyRequest = { sample: SampleRequest } | { adopt: Adapter } | 'executionProviders';
export type PolicyAnswer = Chunk | void | readonly string[];

await serve<PolicyWorkerData, PolicyRequest, PolicyAnswer>(
  async ({ bundle, session, trainable, joins }) => {
    const sampler = await openSampler(bundle, session, trainable, joins);
    await sampler.verify();
    return {
      answer(request) {
        if (request === 'executionProviders') return sampler.executionProviders;
        return 'sample' in request ? sampler.sample(request.sample) : sampler.adopt(request.adopt);
      },
      close: () => sampler.close(),
    };
  },
);
