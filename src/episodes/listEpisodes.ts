import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, codeOf, messageOf } from '../errors.ts';
import type { EpisodeHeader, EpisodeResult, Outcome } from './episode.ts';
import { episodeFile } from './files.ts';
import { correctedResult, labelsOf, newestLabel } from './labels.ts';
import { METADATA } from './messages.ts';
import { readHeader, readResult, versionOfResult } from './metadata.ts';
import { readMetadata } from './readMcap.ts';
import { reasonOf } from '../systemErrors.ts';

/** What an episode's index tells of it. */
export interface EpisodeSummary {
  header: EpisodeHeader;
  /** As labels correct it. */
  result: EpisodeResult;
  /** As it was recorded; absent where no label changes it. */
  recorded?: EpisodeResult;
  /** The outcome that its newest label gives; absent where it has none. */
  label?: Outcome;
  /** The version of the policy that made its last chunk; absent in older episodes. */
  version?: string;
}

/** One file of a folder of episodes. */
export type ListedEpisode = { id: string; path: string } & (
  | ({ state: 'finished' } & EpisodeSummary)
  /** Being recorded, or cut off. */
  | { state: 'partial' }
  | { state: 'unreadable'; reason: string }
);

async function summaryOf(path: string): Promise<EpisodeSummary> {
  const metadata = await readMetadata(path);
  const [header, ended] = [METADATA.header, METADATA.result].map((name) => metadata.get(name));
  if (!header || !ended) throw new UserError('no episode in this file', { kind: 'invalid' });
  const recorded = readResult(ended);
  const labels = await labelsOf(path);
  const result = correctedResult(recorded, labels);
  const version = versionOfResult(ended);
  return {
    header: readHeader(header),
    result,
    ...(result !== recorded && { recorded }),
    ...(labels.length > 0 && { label: newestLabel(labels)!.outcome }),
    ...(version !== undefined && { version }),
  };
}

/** The episode in a file, of which only the index is read; undefined for a file that is none by its name. */
export async function listEpisode(path: string): Promise<ListedEpisode | undefined> {
  const file = episodeFile(path);
  if (!file) return undefined;
  const { id } = file;
  if (!file.finished) return { id, path, state: 'partial' };
  try {
    return { id, path, state: 'finished', ...(await summaryOf(path)) };
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
      subject: folder,
    });
  });
  const episodes: ListedEpisode[] = [];
  for (const name of names.sort()) {
    const episode = await listEpisode(join(folder, name));
    if (episode) episodes.push(episode);
  }
  return episodes;
}
