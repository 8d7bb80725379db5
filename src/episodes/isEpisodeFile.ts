import { MCAP_MAGIC } from '@mcap/core';
import { openBytes } from './byteSource.ts';
import { LIBRARY } from './mcap.ts';
import { attempt } from './mcapRecord.ts';

/** Whether Nalu recorded a file, by its first record: finished, cut off or damaged later on. */
export async function isEpisodeFile(path: string): Promise<boolean> {
  const file = await openBytes(path).catch(() => undefined);
  if (!file) return false;
  try {
    const { record } = await attempt(file, MCAP_MAGIC.length);
    return record?.type === 'Header' && record.library === LIBRARY;
  } finally {
    await file.close();
  }
}
