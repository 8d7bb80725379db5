import { join } from 'node:path';
import { writeSafetensors } from '../../tensors/safetensors.ts';
import { readShardedHeader } from '../../tensors/shards.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { loadBundle, replaceBundle, writeConfig } from '../bundle/bundle.ts';
import { WEIGHTS_FILE } from '../bundle/bundleFiles.ts';
import { convertedWeights } from '../paligemma/convert.ts';
import { writeWeightsRecord } from '../bundle/weightsRecord.ts';
import { type Placement, placeWeights } from './placeWeights.ts';
import type { CheckpointKind } from './kind.ts';
import type { ImportOptions } from './options.ts';
import { type Findings, measure, planImport } from './planImport.ts';
import { type Bundle } from '../bundle/config.ts';

/** What was found, chosen and written. */
export interface Imported extends Findings {
  bundle: Bundle;
  /** Numbers that a chunk depends on. */
  parameters: number;
  /** How many of them are stored in which type. */
  precisions: Map<string, number>;
  files: number;
  bytes: number;
  placement: Placement | 'converted' | 'merged';
  /** How it samples, in words. */
  sampling: string;
}

/**
 * Makes a policy bundle of a published policy of one of these kinds. Everything is checked before anything is written, and a bundle
 * that is there gives way as a whole: what was refused or interrupted has changed nothing. Throws a
 * `UserError` for a checkpoint of another family, one that is not whole, or one that leaves open what must
 * be known.
 */
export async function importCheckpoint(
  kinds: readonly CheckpointKind[],
  path: string,
  options: ImportOptions,
): Promise<Imported> {
  const plan = await planImport(kinds, path, options);
  const { config, shapes, files, header, adapters, storage, findings } = plan;
  const { out, copy = false } = options;

  const placeOrConvert = async (staging: string) => {
    if (!storage) return placeWeights(header, staging, copy);
    const weights = convertedWeights(shapes, header, storage, adapters);
    await writeSafetensors(join(staging, WEIGHTS_FILE), weights);
    return findings.peft ? ('merged' as const) : ('converted' as const);
  };
  const placement = await replaceBundle(out, async (staging) => {
    const placed = await placeOrConvert(staging);
    for (const [file, text] of Object.entries(files)) await writeWhole(join(staging, file), text);
    await writeConfig(staging, config);
    await writeWeightsRecord(staging);
    return placed;
  });
  const bundle = await loadBundle(out);
  return {
    bundle,
    ...findings,
    ...measure(await readShardedHeader(join(out, WEIGHTS_FILE)), shapes),
    placement,
    sampling: kinds.find(({ name }) => name === config.family)!.sampling(bundle),
  };
}
