import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { existsError } from '../errors.ts';
import { makeFolder } from './makeFolder.ts';
import { clearPartials, partialOf, releasePartial, syncToDisk, withFolder } from './writeWhole.ts';

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? syncTree(path) : syncToDisk(path));
  }
  await syncToDisk(folder);
}

/** Throws a `UserError` if there is something at `folder`, other than an empty folder. */
export async function checkNewFolder(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? [] : ['a file'],
  );
  if (found.length > 0) throw existsError(folder, 'another name keeps it');
}

/**
 * Makes a folder that is complete or not there: `make` writes into `FOLDER.….partial` beside it, which gets the
 * folder's name when all of it is on the disk. `make` resolves to whether it is complete; if not, nothing is left.
 */
export async function makeWholeFolder(
  folder: string,
  make: (staging: string) => Promise<boolean>,
): Promise<void> {
  await checkNewFolder(folder);
  const target = resolve(folder);
  await makeFolder(dirname(target));
  const staging = partialOf(target);
  try {
    await clearPartials(dirname(target), `${basename(target)}.`);
    await mkdir(staging);
    if (!(await make(staging))) return;
    await syncTree(staging);
    await checkNewFolder(folder);
    await rename(staging, target);
    await syncToDisk(dirname(target));
  } catch (error) {
    throw withFolder(error, folder, staging);
  } finally {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    releasePartial(staging);
  }
}
