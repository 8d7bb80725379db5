import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError, codeOf } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

/** A file's content: all of it, or a function that writes it piece by piece. */
export type Content = string | Uint8Array | ((file: FileHandle) => Promise<unknown>);

const PARTIAL = /\.(\d+)-[0-9a-f]{12}\.partial$/;

/** Names of the partial files that this process is writing. */
const own = new Set<string>();

/** A temporary path beside `path`, reserved for this process until it is released. */
export function partialOf(path: string): string {
  const partial = `${path}.${process.pid}-${randomBytes(6).toString('hex')}.partial`;
  own.add(basename(partial));
  return partial;
}

/** Releases a path of `partialOf`. */
export const releasePartial = (partial: string): boolean => own.delete(basename(partial));

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Removes partial files and folders of ended processes whose names start with `beginning`. */
export async function clearPartials(folder: string, beginning = ''): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(PARTIAL.exec(name)?.[1]);
    if (Number.isNaN(pid) || own.has(name) || !name.startsWith(beginning)) continue;
    // A leftover with this process's own id is from an earlier process with the same id.
    if (pid === process.pid || !isRunning(pid))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Turns a failed system call into a `UserError` that names `path`; returns other errors unchanged. */
export const unwritable = (path: string, error: unknown): unknown =>
  error instanceof Error && 'syscall' in error
    ? new UserError(`${path}: cannot be written: ${reasonOf(error)}`, {
        cause: error,
        subject: path,
      })
    : error;

/** An error with `folder` in place of the staging folder `files`. */
export function withFolder(error: unknown, folder: string, files: string): unknown {
  if (!(error instanceof UserError)) return unwritable(folder, error);
  const named = (text: string) => text.replaceAll(files, folder);
  const { message, cause, exitCode, kind, subject, fields } = error;
  return new UserError(named(message), { cause, exitCode, kind, subject: subject && named(subject), fields }); // prettier-ignore
}

/** Flushes a file's content, or a folder's entries, to disk. */
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
 * Writes a file atomically and durably: at any moment, even after a kill or a power cut, `path` holds the
 * complete old or the complete new content. The new content is on disk when the promise resolves. Keeps an
 * existing file's mode and follows symbolic links. Throws a `UserError` if the file cannot be written.
 */
export async function writeWhole(path: string, content: Content): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  try {
    // Devices and pipes, such as /dev/stdout, are written directly.
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
