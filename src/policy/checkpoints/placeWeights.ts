import { constants, copyFile, link, realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError, codeOf, messageOf } from '../../errors.ts';
import { type ShardedHeader, indexOf } from '../../tensors/shards.ts';
import { WEIGHTS_FILE, filesOf } from '../bundle/bundleFiles.ts';

/**
 * What became of the weights: copies; clones, which take no room until one side changes; or the
 * checkpoint's own files under a second name.
 */
export type Placement = 'copied' | 'cloned' | 'linked';

/** What hinders a second name: another file system, one without hard links, somebody else's file. */
const UNLINKABLE = ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EACCES'];

/** Weights of fewer bytes are copied: a copy is quick, and stays whatever becomes of the checkpoint. */
const SMALL = 2 ** 28;

async function placeFile(from: string, to: string, copy: boolean): Promise<Placement> {
  if (copy) {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return 'copied';
  }
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return 'cloned';
  } catch {
    // Few file systems can.
    await rm(to, { force: true });
    await link(from, to);
    return 'linked';
  }
}

/**
 * Puts a checkpoint's files into a bundle's folder: as clones where the file system has them, else as hard
 * links, which take no room and outlive the checkpoint; or, if small or where asked for, as copies. ONNX
 * Runtime follows no symbolic link out of a model's folder.
 */
export async function placeWeights(
  header: ShardedHeader,
  folder: string,
  copy: boolean,
): Promise<Placement> {
  const nameOf = (path: string) => {
    if (header.index === undefined) return WEIGHTS_FILE;
    return path === header.index ? indexOf(WEIGHTS_FILE) : basename(path);
  };
  const bytes = [...header.tensors.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  const copies = copy || bytes < SMALL;
  let placement: Placement = 'copied';
  for (const path of filesOf(header)) {
    // Hugging Face's cache holds symbolic links to its files.
    const from = await realpath(path);
    try {
      placement = await placeFile(from, join(folder, nameOf(path)), copies);
    } catch (error) {
      const remedy =
        !copies && UNLINKABLE.includes(codeOf(error) ?? '')
          ? 'no hard link can be made, as between file systems or to a file of another user. Put --out beside the checkpoint, or say --copy'
          : messageOf(error);
      throw new UserError(`${from}: ${remedy}`, { cause: error });
    }
  }
  return placement;
}
