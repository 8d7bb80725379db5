import { stat } from 'node:fs/promises';
import { UserError, messageOf } from '../errors.ts';
import { labelEpisode, labelsOf } from '../episodes/labels.ts';
import type { Outcome } from '../episodes/episode.ts';
import { type Episode, readEpisode } from '../episodes/readEpisode.ts';
import { serve } from '../processes/serve.ts';
import { toldOf } from '../systemErrors.ts';
import { type ListedFile, createEpisodeList } from './episodeList.ts';
import type { EpisodeLine, EpisodeReplay } from './protocol.ts';
import { pictureAt, replayOf } from './replay.ts';

/** Bytes of the episodes that are kept in memory, and of the largest that is opened. */
const MOST_BYTES = 512 * 2 ** 20;
/** Episodes that are kept in memory. */
const MOST_OPEN = 2;

/** A thread beside the console's: reading an episode must not delay a stop. */
export interface EpisodeFunctions {
  list: () => Promise<EpisodeLine[]>;
  replay: (id: string) => Promise<EpisodeReplay>;
  picture: (
    id: string,
    camera: string,
    time: number,
  ) => Promise<{ time: number; jpeg: Uint8Array }>;
  label: (id: string, label: { by: string; outcome: Outcome; note?: string }) => Promise<void>;
  file: (id: string) => Promise<string>;
  paths: (ids: readonly string[]) => Promise<string[]>;
}

interface Opened {
  /** Path, size and time of the file. */
  key: string;
  bytes: number;
  episode: Promise<Episode>;
}

const unknownEpisode = (id: string) =>
  new UserError(`there is no episode "${id}" here; load the list again`, {
    kind: 'missing',
    subject: id,
  });

/** A damaged file may fail anywhere in its reader: what happened is told, and the thread goes on. */
async function told<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new UserError(toldOf(error) ?? `${path}: cannot be read: ${messageOf(error)}`, {
      cause: error,
      subject: path,
    });
  }
}

/** Opens episodes and keeps the last ones open. */
function createShelf(): (path: string) => Promise<Episode> {
  let shelf: Opened[] = [];
  return async (path) => {
    const { size: bytes, mtimeMs } = await stat(path);
    if (bytes > MOST_BYTES)
      throw new UserError(
        `${path}: too large to be shown here (${Math.round(bytes / 2 ** 20)} MiB); open it in Foxglove`,
        { kind: 'unsupported', subject: path },
      );
    const key = `${path} ${bytes} ${mtimeMs}`;
    let opened = shelf.find((one) => one.key === key);
    shelf = shelf.filter((one) => one !== opened);
    while (shelf.length >= MOST_OPEN || shelf.reduce((sum, one) => sum + one.bytes, bytes) > MOST_BYTES) shelf.shift(); // prettier-ignore
    opened ??= { key, bytes, episode: readEpisode(path) };
    shelf.push(opened);
    try {
      return await opened.episode;
    } catch (error) {
      shelf = shelf.filter((one) => one !== opened);
      throw error;
    }
  };
}

serve<EpisodeFunctions, { folders: readonly string[] }>(({ folders }) => {
  const listAll = createEpisodeList(folders);
  const open = createShelf();
  let listed = new Map<string, ListedFile>();

  const list = async () => {
    const files = await listAll();
    listed = new Map(files.map((file) => [file.line.id, file]));
    return files.map(({ line }) => line);
  };
  /** Ids come from pages: they are only ever looked up. */
  const find = async (id: string): Promise<ListedFile> => {
    const isOld = listed.get(id)?.line.growing ?? true;
    if (isOld) await list();
    const file = listed.get(id);
    if (!file) throw unknownEpisode(id);
    if (file.line.growing)
      throw new UserError(`"${id}" is being recorded; wait until it has ended`, {
        kind: 'unready',
        subject: id,
      });
    return file;
  };
  const openById = async (id: string) => {
    const { path } = await find(id);
    return told(path, () => open(path));
  };

  return {
    list,
    async replay(id) {
      const { path } = await find(id);
      return told(path, async () => replayOf(id, await open(path), await labelsOf(path)));
    },
    async picture(id, camera, time) {
      const episode = await openById(id);
      return told(episode.path, () => pictureAt(episode, camera, time));
    },
    async label(id, label) {
      const { path, line } = await find(id);
      if (line.outcome === undefined)
        throw new UserError(`"${id}" cannot be labelled: ${line.problem ?? 'it has no outcome'}`, {
          kind: 'invalid',
          subject: id,
        });
      await labelEpisode(path, label);
    },
    file: async (id) => (await find(id)).path,
    async paths(ids) {
      const paths: string[] = [];
      await list();
      for (const id of new Set(ids)) {
        const file = listed.get(id);
        if (!file) throw unknownEpisode(id);
        paths.push(file.path);
      }
      return paths;
    },
  };
});
