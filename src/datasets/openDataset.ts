import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import type { Dataset, ReadOptions } from './dataset.ts';

const isLerobot = (folder: string) => isThere(join(folder, 'meta', 'info.json'));

/** Whether a folder is a data set of another project. */
export const isDataset = (folder: string): Promise<boolean> => isLerobot(folder);

/** Opens a data set of another project. Throws a `UserError` if it is none that can be read. */
export async function openDataset(folder: string, options: ReadOptions): Promise<Dataset> {
  if (await isLerobot(folder)) {
    const { openLerobot } = await import('./lerobot/readDataset.ts');
    return openLerobot(folder, options);
  }
  throw new UserError(`${folder}: no data set there: lerobot's have a meta/info.json`);
}
