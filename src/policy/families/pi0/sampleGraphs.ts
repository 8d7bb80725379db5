import type { InferenceSession, SessionConfig } from '../../../session/session.ts';
import type { Bundle } from '../../bundle/config.ts';
import { isFused, modelOnWeights, openOnWeights } from '../../paligemma/openOnWeights.ts';
import { trainableWeights } from '../../paligemma/trainable.ts';
import type { Trainable } from '../../trainable.ts';
import type { Pi0Config } from './config.ts';
import { type SampleOptions, sampleGraph } from './graphs.ts';
import { EXPERT } from './trainable.ts';

/** The graph that samples chunks, in float32, as an ONNX model. */
export const samplingModel = async ({
  folder,
  architecture,
}: Bundle<Pi0Config>): Promise<Uint8Array> =>
  (await modelOnWeights(folder, (weights) => sampleGraph(architecture, weights, 'bytes'))).model;

/**
 * Opens a bundle's sampler, as the session's provider computes it. Where `trainable` is given its
 * parameters are inputs, and so is noise to explore with; where it `joins`, so is the chunk before. With
 * `features`, the prefix's are an output, with `candidates` a call samples several chunks, and with `steers` their noise
 * can be steered.
 */
export function openSampleGraph(
  bundle: Bundle<Pi0Config>,
  session: SessionConfig,
  trainable: Trainable | undefined,
  options: Pick<SampleOptions, 'joins' | 'features' | 'candidates' | 'steers'> = {},
): Promise<InferenceSession> {
  const explores = trainable !== undefined;
  const fused = isFused(session);
  return openOnWeights(bundle, session, (frozen, products) => {
    const weights = trainable ? trainableWeights(frozen, trainable, EXPERT) : frozen;
    return sampleGraph(bundle.architecture, weights, 'bytes', {
      ...options,
      explores,
      fused,
      products,
    });
  });
}
