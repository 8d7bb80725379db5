import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, codeOf, messageOf } from '../errors.ts';
import type { EpisodeHeader, EpisodeResult } from './episode.ts';
import { episodeFile } from './files.ts';
import { METADATA } from './messages.ts';
import { readHeader, readResult } from './metadata.ts';
import { readMetadata } from './readMcap.ts';
import { reasonOf } from '../systemErrors.ts';

/** One file of a folder of episodes. */
export type ListedEpisode = { id: string; path: string } & (
  | { state: 'finished'; header: EpisodeHeader; result: EpisodeResult }
  /** Being recorded, or cut off. */
  | { state: 'partial' }
  | { state: 'unreadable'; reason: string }
);

async function summary(path: string) {
  const metadata = await readMetadata(path);
  const [header, result] = [METADATA.header, METADATA.result].map((name) => metadata.get(name));
  if (!header || !result) throw new UserError('no episode in this file');
  return { header: readHeader(header), result: readResult(result) };
}

async function listed(path: string): Promise<ListedEpisode | undefined> {
  const file = episodeFile(path);
  if (!file) return undefined;
  const { id } = file;
  if (!file.finished) return { id, path, state: 'partial' };
  try {
    return { id, path, state: 'finished', ...(await summary(path)) };
  } catch (error) {
    return { id, path, state: 'unreadable', reason: messageOf(error) };
  }
}

/** The episodes in a folder, sorted by name; none if the folder does not exist. Reads only the files' indexes. */
export async function listEpisodes(folder: string): Promise<ListedEpisode[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw new UserError(`${folder}: cannot list its episodes: ${reasonOf(error)}`, {
      cause: error,
    });
  });
  const episodes: ListedEpisode[] = [];
  for (const name of names.sort()) {
    const episode = await listed(join(folder, name));
    if (episode) episodes.push(episode);
  }
  return episodes;
}
