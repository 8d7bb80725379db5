import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { SessionConfig } from '../session/session.ts';
import { threadScaler } from '../images/scaling.ts';
import type { Adapter } from './bundle/adapter.ts';
import { ADAPTER_FILE } from './bundle/bundleFiles.ts';
import type { Bundle } from './bundle/config.ts';
import { checkAdapter, readAdapter } from './bundle/readAdapter.ts';
import { checkChunk } from './bundle/verification.ts';
import { type FamilySampler, NOTHING_TO_LEARN, type SamplerOptions } from './family.ts';
import { familyOf, learnableOf } from './families/registry.ts';
import type { SampledJoin } from './joinKinds.ts';

export type { SampleRequest } from './family.ts';

/** Samples chunks from a bundle on this thread, which ONNX Runtime blocks while it computes. */
export interface Sampler extends Omit<FamilySampler, 'goldenChunk'> {
  /**
   * Takes an adapter's parameters from the next chunk on. Throws a `UserError` for one that does not fit;
   * the parameters before it stay.
   */
  adopt(adapter: Adapter): void;
  /** Throws a `UserError` unless the bundle's own weights give its golden chunk here; see checkChunk. */
  verify(): Promise<void>;
}

/** Throws a `UserError` for a way of joining that the policy has not. */
function checkJoin({ folder, family, maxDelay }: Bundle, joins: SampledJoin): void {
  if (!familyOf({ family }).joins.includes(joins))
    throw new UserError(
      `${folder}: chunks cannot be joined by ${joins}, which bends a flow; a policy of the family ${family} has none: take swap, synchronous or ensemble`,
    );
  if (joins === 'trained' && maxDelay === undefined)
    throw new UserError(
      `${folder}: was not trained to go on from rows under way; train it by nalu imitate --max-delay, or join chunks in another way`,
    );
}

/**
 * Opens a bundle's sampler. Where `trainable` is given, or the bundle has an adapter, its parameters are
 * inputs of its graph, so that they can be exchanged while the session stays. With `joins`, chunks are made
 * to join the one in play. Throws a `UserError` for what the policy or its family has not.
 */
export async function openSampler(
  bundle: Bundle,
  session: SessionConfig,
  { trainable = bundle.trainable, joins, scaler = threadScaler() }: Partial<SamplerOptions> = {},
): Promise<Sampler> {
  if (joins) checkJoin(bundle, joins);
  if (trainable) learnableOf(bundle);
  const fit = { ...bundle, trainable };
  const adapter = bundle.trainable && (await readAdapter(join(bundle.folder, ADAPTER_FILE), fit));
  const sampler = await familyOf(bundle).open(bundle, {
    session,
    trainable,
    adapter,
    joins,
    scaler,
  });
  return {
    executionProviders: sampler.executionProviders,
    see: (camera, image) => sampler.see(camera, image),
    sample: (request) => sampler.sample(request),
    adopt(adapter) {
      if (!trainable) throw new UserError(NOTHING_TO_LEARN);
      checkAdapter(`adapter ${adapter.version}`, adapter, fit);
      sampler.adopt(adapter);
    },
    verify: () =>
      checkChunk(bundle, sampler.executionProviders, (inputs) => sampler.goldenChunk(inputs)),
    close: () => sampler.close(),
  };
}
