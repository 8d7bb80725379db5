import { basename, join } from 'node:path';

const WHOLE = '.mcap';
const PARTIAL = '.mcap.partial';

/** The file of a finished episode. */
export const wholePath = (folder: string, id: string) => join(folder, id + WHOLE);

/** The file of an unfinished episode: being recorded, or left by a process that ended. */
export const partialPath = (folder: string, id: string) => join(folder, id + PARTIAL);

/** An episode file's id and whether it is finished, by its name; undefined for any other file. */
export function episodeFile(path: string): { id: string; finished: boolean } | undefined {
  const name = basename(path);
  for (const [suffix, finished] of [
    [PARTIAL, false],
    [WHOLE, true],
  ] as const)
    if (name.endsWith(suffix) && name.length > suffix.length)
      return { id: name.slice(0, -suffix.length), finished };
  return undefined;
}
