import { mkdir } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

/** Makes a folder, and those that it is to lie in, where they are absent. Throws a `UserError` where it cannot. */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  await mkdir(path, { recursive: true, mode }).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be made: ${reasonOf(error)}`, { cause: error });
  });
}
