import { MCAP_MAGIC } from '@mcap/core';
import { openBytes } from './byteSource.ts';
import { LIBRARY } from './mcap.ts';
import { attempt } from './mcapRecord.ts';

/** The program that began an MCAP file, by its first record; undefined where that cannot be read. */
export async function recorderOf(path: string): Promise<string | undefined> {
  const file = await openBytes(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { record } = await attempt(file, MCAP_MAGIC.length);
    return record?.type === 'Header' ? record.library : undefined;
  } finally {
    await file.close();
  }
}

/** Whether Nalu recorded a file, by its first record: finished, cut off or damaged later on. */
export const isEpisodeFile = async (path: string): Promise<boolean> =>
  (await recorderOf(path)) === LIBRARY;
