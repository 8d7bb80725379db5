import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isEpisodeFile, recorderOf } from '../../episodes/isEpisodeFile.ts';
import { byNumber, isBagFile, isDescribed } from '../../topics/bags/bagFiles.ts';

/** The extensions of a bag's file. */
const EXTENSIONS = /(\.(mcap|db3|zstd))+$/;

/** The name of a bag, from its file or folder. */
export const bagName = (path: string): string => basename(path).replace(EXTENSIONS, '');

/** Whether ros2 bag names the parts of a folder's bag so: `demo_0.mcap`, `demo_1.mcap` in `demo`. */
const arePartsOf = (folder: string, files: readonly string[]): boolean =>
  files.length > 0 &&
  files.every((file) => bagName(file).replace(/_\d+$/, '') === basename(resolve(folder)));

const filesIn = async (folder: string): Promise<string[]> =>
  byNumber((await readdir(folder)).filter(isBagFile));

/** Whether a folder is a bag: with its metadata.yaml, or with its parts alone, where the recorder was killed. */
const isBag = async (folder: string): Promise<boolean> =>
  (await isDescribed(folder)) || arePartsOf(folder, await filesIn(folder));

/** The bags that are folders of a folder. */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
  const are = await Promise.all(paths.map((path) => isBag(path).catch(() => false)));
  return byNumber(paths.filter((_, i) => are[i]));
}

/** Whether files are bags: the first that can be read decides, for Nalu's own episodes are MCAP files too. */
async function areBags(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    if (!file.endsWith('.mcap')) return true;
    if ((await recorderOf(file)) !== undefined) return !(await isEpisodeFile(file));
  }
  return false;
}

/**
 * The bags at a path, each a demonstration: the one that it is, or those in the folder, which are files or folders of
 * their own. None where there are others, or Nalu's own episodes.
 */
export async function bagsIn(path: string): Promise<string[]> {
  const given = await stat(path).catch(() => undefined);
  if (!given) return [];
  if (!given.isDirectory()) return isBagFile(path) && !(await isEpisodeFile(path)) ? [path] : [];
  if (await isBag(path)) return [path];
  const files = (await filesIn(path)).map((name) => join(path, name));
  return [...((await areBags(files)) ? files : []), ...(await foldersIn(path))];
}
