import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { homeFault } from '../files/homePath.ts';
import { packagePath } from '../files/packagePath.ts';
import { reasonOf } from '../systemErrors.ts';

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? '';

/**
 * Writes episodes as a data set by `nalu export`, in a process of its own. Resolves to its last line. Throws a
 * `UserError` that says why it failed.
 */
export async function exportByCli(paths: readonly string[], out: string): Promise<string> {
  const fault = homeFault(out, 'a ~ is expanded by shells alone', (rest) => `/home/NAME${rest}`);
  if (fault !== undefined) throw new UserError(fault, { kind: 'invalid', fields: ['out'] });
  const folder = resolve(out);
  const cli = packagePath('dist/src/cli.js');
  const child = spawn(process.execPath, [cli, 'export', '--out', folder, '--', ...paths], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, complaint] = ['', ''];
  child.stdout
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-4096)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-4096))); // prettier-ignore
  const [code] = (await once(child, 'close').catch((error: unknown) => {
    throw new UserError(`the export could not be started: ${reasonOf(error)}`, { cause: error });
  })) as [number | null];
  if (code === 0) return lastLine(said);
  throw new UserError(lastLine(complaint).replace(/^nalu: /, '') || 'the export was ended');
}
