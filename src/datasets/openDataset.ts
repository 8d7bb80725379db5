import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, invalid } from '../errors.ts';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { isThere } from '../files/isThere.ts';
import { invocation } from '../terminal/invocation.ts';
import type { Dataset, ReadOptions } from './dataset.ts';
import { bagsIn } from './rosbag/bagsIn.ts';

type Open = (folder: string, options: ReadOptions) => Promise<Dataset>;

/** Kinds of data sets: how a folder is known to be one, and how it is opened. */
const KINDS: { is: (folder: string) => Promise<boolean>; open: Open }[] = [
  {
    is: (folder) => isThere(join(folder, 'meta', 'info.json')),
    open: async (...given) => (await import('./lerobot/readDataset.ts')).openLerobot(...given),
  },
  {
    is: async (folder) =>
      (await readdir(folder).catch(() => [])).some((name) => /^episode_\d+\.hdf5$/.test(name)),
    open: async (...given) => (await import('./act/readDataset.ts')).openAct(...given),
  },
  {
    is: async (path) => (await bagsIn(path)).length > 0,
    open: async (...given) => (await import('./rosbag/readDataset.ts')).openBags(...given),
  },
];

async function kindOf(folder: string) {
  for (const kind of KINDS) if (await kind.is(folder)) return kind;
  return undefined;
}

/** Whether a folder is a data set of another project. */
export const isDataset = async (folder: string): Promise<boolean> =>
  (await kindOf(folder)) !== undefined;

/** Opens a data set of another project. Throws a `UserError` if it is none that can be read. */
export async function openDataset(folder: string, options: ReadOptions): Promise<Dataset> {
  const kind = await kindOf(folder);
  if (!kind && (await listEpisodes(folder).catch(() => [])).length > 0)
    throw invalid(
      folder,
      `holds Nalu's own episodes, which need no import: ${invocation(`imitate ${folder} --out DIR`)} learns from them, ${invocation(`export ${folder} --out DIR`)} makes a data set of them`,
    );
  if (!kind)
    throw new UserError(
      `${folder}: no data set there; lerobot's have a meta/info.json, ACT's files named episode_0.hdf5, bags are .mcap or .db3`,
      { kind: 'missing', subject: folder },
    );
  return kind.open(folder, options);
}
