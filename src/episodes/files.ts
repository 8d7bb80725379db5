import { basename, join } from 'node:path';

const WHOLE = '.mcap';
const PARTIAL = '.mcap.partial';
const LABELS = '.labels.jsonl';

/** The file of a finished episode. */
export const wholePath = (folder: string, id: string) => join(folder, id + WHOLE);

/** The file of an unfinished episode: being recorded, or left by a process that ended. */
export const partialPath = (folder: string, id: string) => join(folder, id + PARTIAL);

/** The file of an episode's labels, beside that of the episode. */
export const labelsFile = (path: string) => path.replace(/\.mcap$/, '') + LABELS;

/** The id of the episode that a file of labels is of, by its name; undefined for any other file. */
export const labelledEpisode = (name: string): string | undefined =>
  name.endsWith(LABELS) ? name.slice(0, -LABELS.length) : undefined;

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
