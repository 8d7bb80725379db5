import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError, codeOf } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

/** What a file is to hold: all of it, or a function that writes it in turn. */
export type Content = string | Uint8Array | ((file: FileHandle) => Promise<unknown>);

const PARTIAL = /\.(\d+)-[0-9a-f]{12}\.partial$/;

/** Partial paths that this process is writing. */
const own = new Set<string>();

/** A path beside `path` for what is not whole yet, this process's until it is released. */
export function partialOf(path: string): string {
  const partial = `${path}.${process.pid}-${randomBytes(6).toString('hex')}.partial`;
  own.add(basename(partial));
  return partial;
}

/** Ends what `partialOf` began. */
export const releasePartial = (partial: string): boolean => own.delete(basename(partial));

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Removes what processes that have ended left in a folder: partial files and folders of names that begin so. */
export async function clearPartials(folder: string, beginning = ''): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(PARTIAL.exec(name)?.[1]);
    if (Number.isNaN(pid) || own.has(name) || !name.startsWith(beginning)) continue;
    // A process that has this one's number has ended before it.
    if (pid === process.pid || !isRunning(pid))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** A failed system call as a `UserError` that names `path`; anything else as it is. */
export const unwritable = (path: string, error: unknown): unknown =>
  error instanceof Error && 'syscall' in error
    ? new UserError(`${path}: cannot be written: ${reasonOf(error)}`, { cause: error })
    : error;

/** Waits until a file's content, or a folder's list of names, is on disk. */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const fill = (file: FileHandle, content: Content): Promise<unknown> =>
  typeof content === 'function' ? content(file) : file.writeFile(content);

async function writeAll(path: string, flags: string, content: Content, mode?: number) {
  const file = await open(path, flags);
  try {
    if (mode !== undefined) await file.chmod(mode);
    await fill(file, content);
    if (flags === 'wx') await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes a file so that at any moment, a kill and a power cut included, `path` holds the earlier content
 * or the new one, whole. When it resolves, the new one is on disk. Keeps the mode of a file that is there
 * and follows a symbolic link to it. Throws a `UserError` where the file cannot be written.
 */
export async function writeWhole(path: string, content: Content): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  try {
    // A device or pipe, as /dev/stdout, takes what comes.
    if (found && !found.isFile()) return await writeAll(path, 'w', content);
    const target = found ? await realpath(path) : path;
    const partial = partialOf(target);
    try {
      await clearPartials(dirname(target), `${basename(target)}.`).catch(() => undefined);
      await writeAll(partial, 'wx', content, found?.mode);
      await rename(partial, target);
      await syncToDisk(dirname(target));
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      releasePartial(partial);
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}
