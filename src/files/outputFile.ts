import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError, existsError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

const statOf = (path: string) => stat(path).catch(() => undefined);

/**
 * Throws a `UserError` if no file can be written at `path`; called before the work that produces the file.
 */
export async function checkWritable(path: string): Promise<void> {
  if ((await statOf(path))?.isDirectory())
    throw new UserError(`${path} is a folder, where a file is to be written; give a file's name`, {
      kind: 'exists',
      subject: path,
    });
  const folder = dirname(path);
  const found = await statOf(folder);
  if (!found)
    throw new UserError(`${path} cannot be written: ${folder} is not there; make it first`, {
      kind: 'missing',
      subject: folder,
    });
  if (!found.isDirectory())
    throw new UserError(`${path} cannot be written: ${folder} is no folder; give another path`, {
      kind: 'invalid',
      subject: folder,
    });
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw new UserError(`${path} cannot be written: ${reasonOf(error)}`, {
      cause: error,
      subject: path,
    });
  });
}

/** As `checkWritable`, and also refuses an existing file unless `force` is set. */
export async function checkOutputFile(path: string, force: boolean): Promise<void> {
  await checkWritable(path);
  if (!force && (await statOf(path)))
    throw existsError(path, '--force replaces it, another name keeps it');
}
