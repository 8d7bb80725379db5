import { readFileSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError, codeOf, messageOf } from '../errors.ts';
import { isThere } from './isThere.ts';
import { clearPartials, partialOf, releasePartial, syncToDisk, unwritable } from './writeWhole.ts';

/**
 * A replacement that is decided on and whole, in the folder that it is for. In it, below a name of its
 * own, lie NEW (files to be moved in), OLD (where files that are to go are moved) and LEAVING (the list
 * of them). Every step of it is a rename with one end below that name: once one process has finished a
 * replacement, another that still tries finds nothing there and changes nothing.
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

/** Takes the steps of a committed replacement that are left, without a pause between them. */
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
  // Without its list a replacement is one that has been finished.
  rmSync(leaving, { force: true });
  rmSync(commit, { recursive: true, force: true });
}

/** Whether another process was faster with the same step. */
const isRace = (error: unknown) => ['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '');

/**
 * Finishes a replacement of files in `folder` that was interrupted after it was committed: whoever reads
 * or writes there calls it first. Several processes may at once.
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
      throw new UserError(message, { cause: error });
    }
  }
}

async function commit(folder: string, staging: string): Promise<void> {
  for (;;) {
    await finishReplacement(folder);
    try {
      return await rename(staging, join(folder, COMMITTED));
    } catch (error) {
      // Another process has just committed one of its own.
      if (!isRace(error) || !(await isThere(join(folder, COMMITTED)))) throw error;
    }
  }
}

/** A folder in a file's place is nobody's to remove. */
async function checkPlaces(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory())
      throw new UserError(`${path} is a folder where a file is to go; move it away`);
  }
}

/** An error as it is told of `folder`, for which `files` stand in. */
function told(error: unknown, folder: string, files: string): unknown {
  if (!(error instanceof UserError)) return unwritable(folder, error);
  const { message, cause, exitCode } = error;
  return new UserError(message.replaceAll(files, folder), { cause, exitCode });
}

/**
 * Replaces files in a folder, made if absent, as a whole: `make` writes all new ones into a folder that
 * it is given, flat; `leaving` gives the paths, below `folder`, of what is to go. At any moment, a kill and
 * a power cut included, there are the earlier files or the new ones, once `finishReplacement` has looked.
 * Files that are neither named nor made stay as they are. If `make` throws, nothing has changed. Throws a
 * `UserError` where the folder cannot be written.
 */
export async function replaceFiles<T>(
  folder: string,
  make: (staging: string) => Promise<T>,
  leaving: () => Promise<readonly string[]> | readonly string[] = () => [],
): Promise<T> {
  let made: T;
  const staging = partialOf(join(folder, '.files'));
  const id = join(staging, basename(staging));
  const files = join(id, NEW);
  try {
    await mkdir(folder, { recursive: true });
    await clearPartials(folder);
    await mkdir(files, { recursive: true });
    await mkdir(join(id, OLD));
    made = await make(files);
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
    throw told(error, folder, files);
  } finally {
    releasePartial(staging);
  }
  await finishReplacement(folder);
  return made;
}
