import { UserError, invalid } from '../errors.ts';
import type { ListedEpisode } from '../episodes/listEpisodes.ts';
import { listEpisode, listEpisodes } from '../episodes/listEpisodes.ts';
import { type Episode, readEpisode } from '../episodes/readEpisode.ts';
import { makeWholeFolder } from '../files/makeWholeFolder.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { Output } from '../terminal/output.ts';
import { imageWriter } from './lerobot/pictureWriter.ts';
import { videoWriter } from './lerobot/videoWriter.ts';
import { createDataset } from './lerobot/writeDataset.ts';
import { invocation } from '../terminal/invocation.ts';
import { isDataset } from './openDataset.ts';
import { createProgress } from './progress.ts';

export interface ExportOptions {
  out: string;
  /** Pictures as videos, H.264: smaller, and not quite the same. */
  video?: boolean;
}

/** What episodes of one data set have in common. */
const makeOf = ({ name, controlRate, joints, cameras }: Embodiment): string =>
  [
    name,
    `${controlRate} Hz`,
    `joints ${joints.map((joint) => joint.name).join(' ')}`,
    ...cameras.map((camera) => `${camera.name} ${camera.width}×${camera.height}`),
  ].join(', ');

const isFinite = ({ joints, commands }: Episode) =>
  [...joints, ...commands].every(({ position }) => position.every(Number.isFinite));

/** The robot of an episode with those cameras whose pictures were recorded: a policy may see some alone. */
function seenBy({ header: { embodiment }, chunks }: Episode): Embodiment {
  const isSeen = (name: string) => chunks.every(({ frameStamps }) => name in frameStamps);
  return { ...embodiment, cameras: embodiment.cameras.filter(({ name }) => isSeen(name)) };
}

/** Why an episode is left out; undefined if it is not. */
function unfit(episode: Episode, robot: Embodiment, first: Embodiment): string | undefined {
  const { result, missing, chunks, commands } = episode;
  if (missing.length > 0) return `cut short: ${missing.join(', ')}`;
  if (result?.outcome === 'discarded') return 'it was discarded';
  if (chunks.length === 0 || commands.length === 0) return 'nothing was done in it';
  const [own, others] = [makeOf(robot), makeOf(first)];
  if (own !== others) return `is of ${own}; the others are of ${others}`;
  return isFinite(episode) ? undefined : 'has values that are not finite';
}

/** Why a listed file is no episode to export; undefined if it is one. */
const unusable = (listed: ListedEpisode): string | undefined =>
  ({
    finished: undefined,
    partial: 'is unfinished; nalu recover makes it readable',
    unreadable: listed.state === 'unreadable' ? listed.reason : undefined,
  })[listed.state];

/** The error of sources without episodes. */
const nothingIn = async ([folder]: readonly string[]): Promise<UserError> =>
  new UserError(
    (await isDataset(folder))
      ? `${folder}: is a data set already, and export makes one of episodes; ${invocation(`import-data ${folder} --out DIR`)} makes episodes of it`
      : `${folder}: no episodes there`,
    { kind: 'missing', subject: folder },
  );

/** The episodes of a folder, or that of a file. */
async function episodesAt(path: string): Promise<ListedEpisode[]> {
  const file = await listEpisode(path);
  return file ? [file] : listEpisodes(path);
}

/**
 * Writes episodes, those in a folder or some files, as a data set of lerobot's version 3. Episodes that do not fit are named and left
 * out. Nothing is left of an export that fails or is stopped.
 */
export async function exportDataset(
  sources: readonly string[],
  { out, video }: ExportOptions,
  { out: output, signal }: { out: Output; signal: AbortSignal },
): Promise<'done' | 'interrupted'> {
  const listed = (await Promise.all(sources.map(episodesAt))).flat();
  const place = sources.length === 1 ? sources[0] : `${sources[0]} and others`;
  if (listed.length === 0) throw await nothingIn(sources);
  const progress = createProgress(listed.length, output);
  const total = { episodes: 0, rows: 0 };

  await makeWholeFolder(out, async (staging) => {
    let dataset: Awaited<ReturnType<typeof createDataset>> | undefined;
    let first: Embodiment | undefined;

    /** Adds an episode; resolves to why it is left out. */
    async function add(file: ListedEpisode): Promise<string | undefined> {
      const unread = unusable(file);
      if (unread !== undefined) return unread;
      const episode = await readEpisode(file.path).catch((error: unknown) => {
        if (error instanceof UserError) return error;
        throw error;
      });
      if (episode instanceof UserError) return episode.message;
      const robot = seenBy(episode);
      const reason = unfit(episode, robot, first ?? robot);
      if (reason !== undefined) return reason;
      first ??= robot;
      dataset ??= await createDataset(
        staging,
        first,
        video ? videoWriter(staging, first) : imageWriter(first),
      );
      const rows = await dataset.add(episode);
      if (rows === 0) return 'nothing was done in it';
      total.episodes += 1;
      total.rows += rows;
      return undefined;
    }

    for (const [i, file] of listed.entries()) {
      if (signal.aborted) return false;
      const reason = await add(file);
      if (reason !== undefined) progress.say(`left out ${file.path}: ${reason}`);
      progress.done(i + 1);
    }
    if (!dataset || total.episodes === 0)
      throw invalid(place, `none of its ${listed.length} episodes can be exported`);
    await dataset.finish();
    return true;
  });
  if (signal.aborted) return 'interrupted';
  progress.say(
    `${out}: ${total.episodes} of ${listed.length} episodes, ${total.rows} rows, in ${progress.elapsed()}`,
  );
  return 'done';
}
