import { readFileSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeWithParents } from './makeFolder.ts';
import { UserError, codeOf, messageOf } from '../errors.ts';
import { isThere } from './isThere.ts';
import { clearPartials, partialOf, releasePartial, syncToDisk, withFolder } from './writeWhole.ts';

/**
 * Folder of committed replacements, inside the folder whose files they replace. Each is a subfolder with a
 * unique name that holds NEW (the files to move in), OLD (where the files to remove are moved) and LEAVING
 * (the list of those). Every step is a rename into or out of that subfolder. Once one process has finished a
 * replacement, another that is still trying finds nothing to rename and changes nothing.
 */
const COMMITTED = '.replacement';
const [NEW, OLD, LEAVING] = ['new', 'old', 'leaving.json'];

function ifThere(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Completes a committed replacement; the renames are synchronous, so nothing runs between them. */
async function take(folder: string, commit: string): Promise<void> {
  const leaving = join(commit, LEAVING);
  if (await isThere(leaving)) {
    ifThere(() => {
      const names = JSON.parse(readFileSync(leaving, 'utf8')) as string[];
      for (const [i, name] of names.entries())
        ifThere(() => renameSync(join(folder, name), join(commit, OLD, String(i))));
      for (const name of readdirSync(join(commit, NEW)))
        ifThere(() => renameSync(join(commit, NEW, name), join(folder, name)));
    });
    await syncToDisk(folder);
  }
  // A replacement without its list is already finished.
  rmSync(leaving, { force: true });
  rmSync(commit, { recursive: true, force: true });
}

/** Whether another process has already done the same step. */
const isRace = (error: unknown) => ['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '');

/**
 * Finishes a replacement in `folder` that was interrupted after its commit. Every reader and writer of the
 * folder calls it first; several processes may do so at once.
 */
export async function finishReplacement(folder: string): Promise<void> {
  const committed = join(folder, COMMITTED);
  while (await isThere(committed)) {
    try {
      for (const id of await readdir(committed)) await take(folder, join(committed, id));
      rmdirSync(committed);
    } catch (error) {
      if (isRace(error)) continue;
      const message = `${folder}: a command that replaced files there was interrupted, and it cannot be finished: ${messageOf(error)}`;
      throw new UserError(message, { cause: error, subject: folder });
    }
  }
}

async function commit(folder: string, staging: string): Promise<void> {
  for (;;) {
    await finishReplacement(folder);
    try {
      return await rename(staging, join(folder, COMMITTED));
    } catch (error) {
      // Another process has committed a replacement of its own.
      if (!isRace(error) || !(await isThere(join(folder, COMMITTED)))) throw error;
    }
  }
}

/** Throws if a folder is in the place of one of the files: folders are never replaced. */
async function checkPlaces(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory())
      throw new UserError(`${path} is a folder where a file is to go; move it away`, {
        kind: 'exists',
        subject: path,
      });
  }
}

/**
 * Replaces files in a folder atomically; creates the folder if absent. `make` writes all new files directly
 * into a staging folder; `leaving` returns the paths, relative to `folder`, of the files to remove. At any
 * moment, even after a kill or a power cut, the folder holds either the old files or, after
 * `finishReplacement`, the new ones. Other files stay untouched. If `make` throws, nothing has changed.
 * Throws a `UserError` if the folder cannot be written.
 */
export async function replaceFiles<T>(
  folder: string,
  make: (staging: string) => Promise<T>,
  leaving: () => Promise<readonly string[]> | readonly string[] = () => [],
): Promise<T> {
  let result: T;
  const staging = partialOf(join(folder, '.files'));
  const id = join(staging, basename(staging));
  const files = join(id, NEW);
  try {
    await makeWithParents(folder);
    await clearPartials(folder);
    await makeWithParents(files);
    await mkdir(join(id, OLD));
    result = await make(files);
    await finishReplacement(folder);
    const names = await readdir(files);
    const gone = (await leaving()).filter((name) => !names.includes(name));
    await checkPlaces(folder, [...names, ...gone]);
    await writeFile(join(id, LEAVING), JSON.stringify(gone));
    for (const name of names) await syncToDisk(join(files, name));
    for (const path of [join(id, LEAVING), files, id, staging]) await syncToDisk(path);
    await commit(folder, staging);
    await syncToDisk(folder);
  } catch (error) {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw withFolder(error, folder, files);
  } finally {
    releasePartial(staging);
  }
  await finishReplacement(folder);
  return result;
}
