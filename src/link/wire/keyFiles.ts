import { open } from 'node:fs/promises';
import { UserError, codeOf } from '../../errors.ts';
import { reasonOf } from '../../systemErrors.ts';

/** The error of a key that is there already. */
export const isKept = (path: string) =>
  new UserError(
    `${path}: there is a key already, and who has it would be shut out; choose another folder, or remove it`,
    { kind: 'exists', subject: path },
  );

/** Writes a file that must not be there yet, and waits until it is on the disk. Throws a `UserError`. */
export async function writeNewKey(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw isKept(path);
    throw new UserError(`${path}: cannot be written: ${reasonOf(error)}`, {
      cause: error,
      subject: path,
    });
  }
}
