import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../errors.ts';

/** A path without links, whether or not there is something yet. */
async function real(path: string): Promise<string> {
  const whole = resolve(path);
  const parent = dirname(whole);
  return realpath(whole).catch(async () =>
    parent === whole ? whole : join(await real(parent), basename(whole)),
  );
}

/** Whether a path is a folder or lies in it, through links too. */
export async function isWithin(folder: string, path: string): Promise<boolean> {
  const way = relative(await real(folder), await real(path));
  return way !== '..' && !way.startsWith(`..${sep}`);
}

/** Throws a `UserError` where an output would lie in the folder that it is made from. */
export async function checkOutside(folder: string, out: string): Promise<void> {
  if (await isWithin(folder, out))
    throw new UserError(
      `--out ${out} lies in ${folder}, which is read; name a folder outside of it`,
      { kind: 'invalid', subject: out, fields: ['--out'] },
    );
}
