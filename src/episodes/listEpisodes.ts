import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { McapIndexedReader } from '@mcap/core';
import { UserError, codeOf, messageOf } from '../errors.ts';
import type { EpisodeHeader, EpisodeResult } from './episode.ts';
import { episodeFile } from './files.ts';
import { METADATA } from './messages.ts';
import { readHeader, readResult } from './metadata.ts';

/** One file of a folder of episodes. */
export type ListedEpisode = { id: string; path: string } & (
  | { state: 'finished'; header: EpisodeHeader; result: EpisodeResult }
  /** Being recorded, or cut off. */
  | { state: 'partial' }
  | { state: 'unreadable'; reason: string }
);

async function summary(path: string) {
  const file = await open(path, 'r');
  try {
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt((await file.stat()).size),
        read: async (offset, size) => {
          const bytes = new Uint8Array(Number(size));
          await file.read(bytes, 0, bytes.length, Number(offset));
          return bytes;
        },
      },
    });
    const metadata = new Map<string, ReadonlyMap<string, string>>();
    for await (const record of reader.readMetadata()) metadata.set(record.name, record.metadata);
    const none: ReadonlyMap<string, string> = new Map();
    return {
      header: readHeader(metadata.get(METADATA.header) ?? none),
      result: readResult(metadata.get(METADATA.result) ?? none),
    };
  } finally {
    await file.close();
  }
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

/** The episodes in a folder, by name; none if there is no such folder. Reads no more than each file's index. */
export async function listEpisodes(folder: string): Promise<ListedEpisode[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw new UserError(`${folder}: cannot list its episodes: ${messageOf(error)}`, {
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
