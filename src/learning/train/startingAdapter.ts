import { join } from 'node:path';
import { type Adapter, makeAdapter } from '../../policy/bundle/adapter.ts';
import { ADAPTER_FILE } from '../../policy/bundle/bundle.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { adapterParameters } from './parameters.ts';
import { startingParameters } from './startingWeights.ts';

/** A policy as it begins: the bundle's adapter, or its own weights as one. */
export async function startingAdapter(
  bundle: Bundle,
  trainable: Trainable,
  seed: number,
): Promise<Adapter> {
  const { folder, base } = bundle;
  if (bundle.trainable) return readAdapter(join(folder, ADAPTER_FILE), { ...bundle, trainable });
  const values = await startingParameters(bundle, trainable, seed);
  const parameters = adapterParameters(values, learnableOf(bundle).parameters(trainable));
  return makeAdapter({ trainable, base, parameters });
}
