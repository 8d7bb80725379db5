import { join } from 'node:path';
import { makeKeys } from '../link/wire/keys.ts';

/** Makes the keys of both sides of the link; prints where each is. */
export async function keysCommand(folder: string): Promise<'done'> {
  for (const file of await makeKeys(folder)) console.log(join(folder, file));
  return 'done';
}
