import { readFile } from 'node:fs/promises';
import { basename, isAbsolute, join, relative } from 'node:path';
import { UserError } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { finishReplacement } from '../../files/replaceFiles.ts';
import { indexOf } from '../../tensors/shards.ts';
import { FAMILIES, familyNamed } from '../families/registry.ts';
import {
  ADAPTER_FILE,
  CONFIG_FILE,
  EARLIER_GRAPHS,
  GOLDEN_FILE,
  RECORD_FILE,
  TRAINING_FILES,
  WEIGHTS_FILE,
} from './bundleFiles.ts';
import type { BundleConfig } from './config.ts';

/** The names that bundles of all families take. */
const NAMES: readonly string[] = [
  CONFIG_FILE,
  WEIGHTS_FILE,
  indexOf(WEIGHTS_FILE),
  ...new Set(FAMILIES.flatMap(({ files }) => files)),
  ...EARLIER_GRAPHS,
  GOLDEN_FILE,
  ADAPTER_FILE,
  RECORD_FILE,
];

/** The shards named by an index, complete or not; none if it cannot be read. */
async function shardsOf(index: string): Promise<string[]> {
  try {
    const { weight_map } = JSON.parse(await readFile(index, 'utf8')) as { weight_map: object };
    return [...new Set(Object.values(weight_map).map((file) => basename(String(file))))];
  } catch {
    return [];
  }
}

/** The files in a bundle's folder that its family finds its weights in; none if it cannot say. */
async function weightsIn(folder: string): Promise<string[]> {
  try {
    const text = await readFile(join(folder, CONFIG_FILE), 'utf8');
    const { family, architecture } = JSON.parse(text) as BundleConfig;
    const { files } = await familyNamed(family)!.weights(folder, architecture);
    const inside = files.map((path) => relative(folder, path));
    return inside.filter((path) => !path.startsWith('..') && !isAbsolute(path));
  } catch {
    return [];
  }
}

/** The paths, relative to a bundle's folder, of the files that are removed when another bundle replaces it. */
export async function bundleFilesIn(folder: string): Promise<string[]> {
  if (!(await isThere(join(folder, CONFIG_FILE)))) return [];
  const shards = await shardsOf(join(folder, indexOf(WEIGHTS_FILE)));
  const weights = await weightsIn(folder);
  return [...new Set([...NAMES, ...Object.values(TRAINING_FILES), ...shards, ...weights])];
}

/**
 * Throws a `UserError` if a bundle cannot be written to a folder: one exists and must not be replaced, or
 * other files have a bundle's names. `place` is the folder's name on the command line.
 */
export async function checkPlace(folder: string, force: boolean, place = '--out'): Promise<void> {
  await finishReplacement(folder);
  const isBundle = await isThere(join(folder, CONFIG_FILE));
  if (isBundle && force) return;
  if (isBundle)
    throw new UserError(`${folder} is a policy bundle already; name another ${place}, or say --force`, { kind: 'exists', subject: folder }); // prettier-ignore
  for (const path of [...NAMES, TRAINING_FILES.checkpoint].map((file) => join(folder, file)))
    if (await isThere(path))
      throw new UserError(`${path} is there already, and no bundle's; name another ${place}, or move it away`, { kind: 'exists', subject: path }); // prettier-ignore
}
