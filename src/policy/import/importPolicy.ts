import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '../../onnx/safetensors.ts';
import { readShardedHeader } from '../../onnx/shards.ts';
import {
  ADAPTER_FILE,
  GOLDEN_FILE,
  BUNDLE_FILES,
  type Bundle,
  filesOf,
  loadBundle,
  writeGraphs,
} from '../bundle.ts';
import { convertedWeights } from '../convert.ts';
import { type Placement, placeWeights } from './placeWeights.ts';
import { type Findings, type ImportOptions, measure, planImport } from './planImport.ts';

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

/** Takes away what an earlier bundle has left, so that nothing of it can be mistaken for the new one's. */
async function clear(out: string): Promise<void> {
  const weights = await readShardedHeader(join(out, BUNDLE_FILES.weights)).catch(() => undefined);
  const files = [...Object.values(BUNDLE_FILES), ADAPTER_FILE, GOLDEN_FILE].map((file) =>
    join(out, file),
  );
  for (const file of [...files, ...(weights ? filesOf(weights) : [])]) {
    await rm(file, { force: true });
  }
}

/** Puts the weights into `out`; only when they are there an earlier bundle gives way. */
async function replaceWeights<T>(out: string, place: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(out, { recursive: true });
  const staging = await mkdtemp(join(out, '.import-'));
  try {
    const placement = await place(staging);
    await clear(out);
    for (const file of await readdir(staging)) await rename(join(staging, file), join(out, file));
    return placement;
  } finally {
    await rm(staging, { recursive: true });
  }
}

/**
 * Makes a policy bundle of a published π0. Everything is checked before anything is written, and
 * policy.json is written last: what was interrupted is no bundle. Throws a `UserError` for a checkpoint
 * of another family, one that is not whole, or one that leaves open what must be known.
 */
export async function importPolicy(path: string, options: ImportOptions): Promise<Imported> {
  const { config, tokenizer, header, adapters, storage, findings } = await planImport(
    path,
    options,
  );
  const { out, copy = false } = options;
  const { pi0 } = config;

  const placement = await replaceWeights(out, async (folder) => {
    if (!storage) return placeWeights(header, folder, copy);
    const weights = convertedWeights(pi0, header, storage, adapters);
    await writeSafetensors(join(folder, BUNDLE_FILES.weights), weights);
    return findings.peft ? ('merged' as const) : ('converted' as const);
  });
  await writeFile(join(out, BUNDLE_FILES.tokenizer), tokenizer);
  await writeGraphs(out, pi0);
  await writeFile(join(out, BUNDLE_FILES.config), `${JSON.stringify(config, null, 2)}\n`);
  return {
    bundle: await loadBundle(out),
    ...findings,
    ...measure(await readShardedHeader(join(out, BUNDLE_FILES.weights)), pi0),
    placement,
  };
}
