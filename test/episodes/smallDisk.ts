import { execFile } from 'node:child_process';
import { mkdir, statfs } from 'node:fs/promises';
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
  const resize = (size: number) => run('mount', ['-o', `remount,size=${size}`, path]);
  return {
    path,
    /** Leaves no room on it, whatever lies there. */
    async fill(): Promise<void> {
      const { blocks, bfree, bsize } = await statfs(path);
      // More may have been written meanwhile.
      await resize(Math.max(1, blocks - bfree) * bsize).catch(() => this.fill());
    },
    /** Gives it its room back. */
    empty: () => resize(bytes),
    // Lazily: a process that was just killed may still hold a file of it.
    unmount: () => run('umount', ['--lazy', path]),
  };
}
