import { mkdir } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

/** Creates a folder and its parents where absent. Throws a `UserError` if that fails. */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  await mkdir(path, { recursive: true, mode }).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be made: ${reasonOf(error)}`, { cause: error });
  });
}
