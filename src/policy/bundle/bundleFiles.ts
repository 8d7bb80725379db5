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
  sample: 'sample.onnx',
  prefix: 'prefix.onnx',
} as const;

/** A graph that earlier bundles hold and nothing reads; it goes with the bundle. */
const DENOISE_FILE = 'denoise.onnx';

/** Inputs, and what the policy makes of them on the CPU in float32; see golden.ts. */
export const GOLDEN_FILE = 'golden.safetensors';

/** Parameters that a bundle may hold beside its weights; see adapter.ts. */
export const ADAPTER_FILE = 'adapter.safetensors';

/** What imported weights were; see weightsRecord.ts. */
export const RECORD_FILE = 'weights.json';

/** What a training run keeps beside its bundle. */
export const TRAINING_FILES = {
  checkpoint: 'training/checkpoint.safetensors',
  log: 'training/log.jsonl',
  curve: 'training/loss.svg',
} as const;

const FILES: readonly string[] = [
  ...Object.values(BUNDLE_FILES),
  DENOISE_FILE,
  indexOf(BUNDLE_FILES.weights),
  GOLDEN_FILE,
  ADAPTER_FILE,
  RECORD_FILE,
];

/** The files that a bundle's weights are in: one, or shards and the index that names them. */
export const filesOf = ({ files, index }: ShardedHeader): string[] =>
  index === undefined ? files : [index, ...files];

/** The shards that an index names, whether or not they are whole; none where it cannot be read. */
async function shardsOf(index: string): Promise<string[]> {
  try {
    const { weight_map } = JSON.parse(await readFile(index, 'utf8')) as { weight_map: object };
    return [...new Set(Object.values(weight_map).map((file) => basename(String(file))))];
  } catch {
    return [];
  }
}

/** The paths, below a bundle's folder, of what goes when another bundle takes its place. */
export async function bundleFilesIn(folder: string): Promise<string[]> {
  if (!(await isThere(join(folder, BUNDLE_FILES.config)))) return [];
  const shards = await shardsOf(join(folder, indexOf(BUNDLE_FILES.weights)));
  return [...FILES, ...Object.values(TRAINING_FILES), ...shards];
}

/**
 * Throws a `UserError` where a bundle cannot go: one is there and is not to be replaced, or files of its
 * names that are no bundle's. `place` is how the command line names the folder.
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
