import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError, codeOf } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

/** Creates a folder whose parent is there. One that is there already is left as it is. */
async function makeOne(path: string, mode?: number): Promise<void> {
  await mkdir(path, mode).catch(async (error: unknown) => {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isDirectory()) throw error;
  });
}

/**
 * Creates a folder and its parents where absent, each by one call, so that it ends on every file system; rejects
 * with the system's error.
 */
export async function makeWithParents(path: string, mode?: number): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    await makeWithParents(parent, mode);
    await makeOne(path, mode);
  }
}

/** Creates a folder and its parents where absent. Throws a `UserError` if that fails. */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  await makeWithParents(path, mode).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be made: ${reasonOf(error)}`, {
      cause: error,
      subject: path,
    });
  });
}
