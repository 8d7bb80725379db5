import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { type ShardedHeader, indexOf } from '../../tensors/shards.ts';
import { finishReplacement } from '../../files/replaceFiles.ts';

/** What a π0's bundle has; its weights may be in shards. Bundles of all families have policy.json. */
export const BUNDLE_FILES = {
  config: 'policy.json',
  weights: 'model.safetensors',
  tokenizer: 'tokenizer.json',
} as const;

/** Graphs that earlier bundles hold and nothing reads: they are built when a policy is opened. */
const EARLIER_GRAPHS = ['sample.onnx', 'prefix.onnx', 'denoise.onnx'];

/** Inputs and the policy's outputs for them on the CPU in float32; see golden.ts. */
export const GOLDEN_FILE = 'golden.safetensors';

/** Optional parameters beside the weights; see adapter.ts. */
export const ADAPTER_FILE = 'adapter.safetensors';

/** The record of imported weights; see weightsRecord.ts. */
export const RECORD_FILE = 'weights.json';

/** Files of a training run beside its bundle. */
export const TRAINING_FILES = {
  checkpoint: 'training/checkpoint.safetensors',
  log: 'training/log.jsonl',
  curve: 'training/loss.svg',
} as const;

const FILES: readonly string[] = [
  ...Object.values(BUNDLE_FILES),
  ...EARLIER_GRAPHS,
  indexOf(BUNDLE_FILES.weights),
  GOLDEN_FILE,
  ADAPTER_FILE,
  RECORD_FILE,
];

/** The files of a bundle's weights: one, or shards and their index. */
export const filesOf = ({ files, index }: ShardedHeader): string[] =>
  index === undefined ? files : [index, ...files];

/** The shards named by an index, complete or not; none if it cannot be read. */
async function shardsOf(index: string): Promise<string[]> {
  try {
    const { weight_map } = JSON.parse(await readFile(index, 'utf8')) as { weight_map: object };
    return [...new Set(Object.values(weight_map).map((file) => basename(String(file))))];
  } catch {
    return [];
  }
}

/**
 * The paths, relative to a bundle's folder, of the files that are removed when another bundle replaces it.
 */
export async function bundleFilesIn(folder: string): Promise<string[]> {
  if (!(await isThere(join(folder, BUNDLE_FILES.config)))) return [];
  const shards = await shardsOf(join(folder, indexOf(BUNDLE_FILES.weights)));
  return [...FILES, ...Object.values(TRAINING_FILES), ...shards];
}

/**
 * Throws a `UserError` if a bundle cannot be written to a folder: one exists and must not be replaced, or
 * other files have a bundle's names. `place` is the folder's name on the command line.
 */
export async function checkPlace(folder: string, force: boolean, place = '--out'): Promise<void> {
  await finishReplacement(folder);
  const isBundle = await isThere(join(folder, BUNDLE_FILES.config));
  if (isBundle && force) return;
  if (isBundle)
    throw new UserError(`${folder} is a policy bundle already; name another ${place}, or say --force`, { kind: 'exists' }); // prettier-ignore
  for (const path of [...FILES, TRAINING_FILES.checkpoint].map((file) => join(folder, file)))
    if (await isThere(path))
      throw new UserError(`${path} is there already, and no bundle's; name another ${place}, or move it away`, { kind: 'exists' }); // prettier-ignore
}
