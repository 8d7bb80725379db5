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
import { familyOf, adaptableOf } from './families/registry.ts';
import type { SampledJoin } from './joinKinds.ts';

export type { SampleRequest } from './family.ts';

/** Samples chunks from a bundle on this thread, which ONNX Runtime blocks while it runs. */
export interface Sampler extends Omit<FamilySampler, 'goldenChunk'> {
  /**
   * Uses an adapter from the next chunk on, or without one the bundle's own weights. Throws a `UserError` for one that
   * does not fit, and keeps the previous one.
   */
  adopt(adapter?: Adapter): Promise<void>;
  /** Throws a `UserError` unless the bundle's own weights reproduce its golden chunk here; see checkChunk. */
  verify(): Promise<void>;
}

/** Throws a `UserError` for a join kind that the policy does not support. */
function checkJoin({ folder, family, maxDelay }: Bundle, joins: SampledJoin): void {
  if (!familyOf({ family }).joins.includes(joins))
    throw new UserError(
      `${folder}: chunks cannot be joined by ${joins}, which bends a flow; a policy of the family ${family} has none: take swap, synchronous or ensemble`,
      { kind: 'unsupported', subject: folder, fields: ['join'] },
    );
  if (joins === 'trained' && maxDelay === undefined)
    throw new UserError(
      `${folder}: was not trained to go on from rows under way; train it by nalu imitate --max-delay, or join chunks in another way`,
      { kind: 'unsupported', subject: folder, fields: ['join'] },
    );
}

/**
 * Opens a bundle's sampler. If `trainable` is set or the bundle has an adapter, those parameters are graph
 * inputs, so that they can be replaced while the session stays open. With `joins`, chunks are joined to the
 * one in play. Throws a `UserError` for what the policy or its family does not support.
 */
export async function openSampler(
  bundle: Bundle,
  session: SessionConfig,
  {
    trainable = bundle.trainable,
    joins,
    features,
    scaler = threadScaler(),
  }: Partial<SamplerOptions> = {},
): Promise<Sampler> {
  if (joins) checkJoin(bundle, joins);
  if (trainable) adaptableOf(bundle);
  const fit = { ...bundle, trainable };
  const adapter = bundle.trainable && (await readAdapter(join(bundle.folder, ADAPTER_FILE), fit));
  const sampler = await familyOf(bundle).open(bundle, {
    session,
    trainable,
    adapter,
    joins,
    features,
    scaler,
  });
  return {
    executionProviders: sampler.executionProviders,
    see: (camera, image) => sampler.see(camera, image),
    sample: (request) => sampler.sample(request),
    async adopt(adapter) {
      if (!trainable) throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
      if (adapter) checkAdapter(`adapter ${adapter.version}`, adapter, fit);
      await sampler.adopt(adapter);
    },
    verify: () =>
      checkChunk(bundle, sampler.executionProviders, (inputs) => sampler.goldenChunk(inputs)),
    close: () => sampler.close(),
  };
}
