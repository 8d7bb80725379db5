import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk in memory of that many bytes at `path`; null where none may be mounted. */
export async function mountSmallDisk(path: string, bytes: number) {
  await mkdir(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  } catch {
    return null;
  }
  return { path, unmount: () => run('umount', [path]) };
}
