import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { clearPartials, partialOf, releasePartial } from '../../files/writeWhole.ts';

/** Makes a folder for what a process keeps only while it runs; removes what killed ones have left. */
export async function openScratch(): Promise<{ folder: string; close: () => Promise<void> }> {
  await clearPartials(tmpdir(), 'nalu-work.').catch(() => undefined);
  const folder = partialOf(join(tmpdir(), 'nalu-work'));
  await makeFolder(folder, 0o700);
  return {
    folder,
    async close() {
      await rm(folder, { recursive: true, force: true });
      releasePartial(folder);
    },
  };
}
