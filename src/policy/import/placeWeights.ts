import { constants, copyFile, link, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError, codeOf, messageOf } from '../../errors.ts';
import { type ShardedHeader, indexOf } from '../../onnx/shards.ts';
import { BUNDLE_FILES, filesOf } from '../bundle.ts';

/** Whether the weights are the checkpoint's own files under a second name, or copies of them. */
export type Placement = 'linked' | 'copied';

/** What hinders a second name: another file system, one without hard links, somebody else's file. */
const UNLINKABLE = ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EACCES'];

/**
 * Puts a checkpoint's files into a bundle's folder: as hard links, which take no room and outlive the
 * checkpoint, or as copies. ONNX Runtime follows no symbolic link out of a model's folder.
 */
export async function placeWeights(
  header: ShardedHeader,
  folder: string,
  copy: boolean,
): Promise<Placement> {
  const nameOf = (path: string) => {
    if (header.index === undefined) return BUNDLE_FILES.weights;
    return path === header.index ? indexOf(BUNDLE_FILES.weights) : basename(path);
  };
  for (const path of filesOf(header)) {
    const to = join(folder, nameOf(path));
    // Hugging Face's cache holds symbolic links to its files.
    const from = await realpath(path);
    try {
      await (copy ? copyFile(from, to, constants.COPYFILE_FICLONE) : link(from, to));
    } catch (error) {
      const remedy =
        !copy && UNLINKABLE.includes(codeOf(error) ?? '')
          ? 'no hard link can be made, as between file systems or to a file of another user. Put --out beside the checkpoint, or say --copy'
          : messageOf(error);
      throw new UserError(`${from}: ${remedy}`, { cause: error });
    }
  }
  return copy ? 'copied' : 'linked';
}
