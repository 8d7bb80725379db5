import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';

/**
 * The path of a module that runs as a thread or process. Its caller writes
 * `new URL('./worker.js', import.meta.url)`, a form that bundlers recognise. Throws a `UserError` where the
 * package was built or packed without the file.
 */
export function childModule(url: URL): string {
  const path = fileURLToPath(url);
  if (existsSync(path)) return path;
  throw new UserError(
    `${path}: this file of Nalu is missing; build it with "npm run build", or install the package again`,
    { kind: 'missing', subject: path },
  );
}
