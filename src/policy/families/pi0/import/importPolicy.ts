import { join } from 'node:path';
import { writeSafetensors } from '../../../../tensors/safetensors.ts';
import { readShardedHeader } from '../../../../tensors/shards.ts';
import { writeWhole } from '../../../../files/writeWhole.ts';
import { loadBundle, replaceBundle, writeConfig } from '../../../bundle/bundle.ts';
import { WEIGHTS_FILE } from '../../../bundle/bundleFiles.ts';
import { convertedWeights } from '../../../paligemma/convert.ts';
import { writeWeightsRecord } from '../../../bundle/weightsRecord.ts';
import { type Placement, placeWeights } from './placeWeights.ts';
import { type Findings, type ImportOptions, measure, planImport } from './planImport.ts';
import { TOKENIZER_FILE } from '../../../paligemma/tokenizer.ts';
import { weightShapes } from '../weights.ts';
import { type Bundle } from '../../../bundle/config.ts';

export type { ImportOptions } from './planImport.ts';

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
}

/**
 * Makes a policy bundle of a published π0. Everything is checked before anything is written, and a bundle
 * that is there gives way as a whole: what was refused or interrupted has changed nothing. Throws a
 * `UserError` for a checkpoint of another family, one that is not whole, or one that leaves open what must
 * be known.
 */
export async function importPolicy(path: string, options: ImportOptions): Promise<Imported> {
  const { config, tokenizer, header, adapters, storage, findings } = await planImport(
    path,
    options,
  );
  const { out, copy = false } = options;
  const { architecture: pi0 } = config;

  const placeOrConvert = async (staging: string) => {
    if (!storage) return placeWeights(header, staging, copy);
    const weights = convertedWeights(weightShapes(pi0), header, storage, adapters);
    await writeSafetensors(join(staging, WEIGHTS_FILE), weights);
    return findings.peft ? ('merged' as const) : ('converted' as const);
  };
  const placement = await replaceBundle(out, async (staging) => {
    const placed = await placeOrConvert(staging);
    await writeWhole(join(staging, TOKENIZER_FILE), tokenizer);
    await writeConfig(staging, config);
    await writeWeightsRecord(staging);
    return placed;
  });
  return {
    bundle: await loadBundle(out),
    ...findings,
    ...measure(await readShardedHeader(join(out, WEIGHTS_FILE)), pi0),
    placement,
  };
}
