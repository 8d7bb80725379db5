import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '../errors.ts';
import { episodeFile, labelsFile } from '../episodes/files.ts';
import { listEpisode } from '../episodes/listEpisodes.ts';
import { playedPolicy } from '../episodes/playedPolicy.ts';
import type { EpisodeLine } from './protocol.ts';

/** A file that changed within these milliseconds is taken for one that is being written. */
const RECENT = 10_000;
/** Files that are read at a time. */
const AT_ONCE = 16;

/** A row of the list, and its file. */
export interface ListedFile {
  path: string;
  line: EpisodeLine;
}

/** Whether two files of a name are the same, as those of a robot and of its learner are. */
const isCopy = (a: ListedFile, b: ListedFile) =>
  basename(a.path) === basename(b.path) && a.line.bytes === b.line.bytes;

interface Known {
  /** Sizes and times of the episode's file and that of its labels. */
  key: string;
  line: EpisodeLine;
}

/** When an episode was begun, by its name; undefined where that does not tell. */
function timeIn(id: string): number | undefined {
  const [, day, hour, minute, rest] =
    /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d-\d{3})Z/.exec(id) ?? [];
  if (day === undefined) return undefined;
  const time = Date.parse(`${day}${hour}:${minute}:${rest.replace('-', '.')}Z`);
  return Number.isNaN(time) ? undefined : time;
}

async function lineOf(path: string, id: string, bytes: number): Promise<EpisodeLine> {
  const at = timeIn(id);
  const common = { id, bytes, ...(at !== undefined && { at }) };
  const unknown = { ...common, task: '', policy: '', seconds: 0 };
  const listed = await listEpisode(path);
  if (listed?.state !== 'finished')
    return { ...unknown, problem: listed?.state === 'unreadable' ? listed.reason : 'unfinished' };
  const { header, result, recorded, version } = listed;
  return {
    ...common,
    task: header.task,
    policy: playedPolicy(header.policy, version),
    outcome: result.outcome,
    ...(recorded && { recorded: recorded.outcome }),
    seconds: result.steps / header.embodiment.controlRate,
    ...(result.problem !== undefined && { problem: result.problem }),
  };
}

function unfinishedLine(id: string, { size, mtimeMs }: { size: number; mtimeMs: number }) {
  const line: EpisodeLine = { id, task: '', policy: '', seconds: 0, bytes: size };
  const isGrowing = Date.now() - mtimeMs < RECENT;
  return isGrowing
    ? { ...line, growing: true }
    : { ...line, problem: 'it was cut off; nalu recover makes it readable' };
}

/**
 * Lists the episodes in folders, by name. Files are read again only where they have changed; one that is being written
 * is not opened. Of two copies of a file the first one counts; another one whose name an earlier one has gets its folder
 * or its file's ending as well.
 */
export function createEpisodeList(folders: readonly string[]): () => Promise<ListedFile[]> {
  let known = new Map<string, Known>();

  const look = async (path: string, next: Map<string, Known>): Promise<ListedFile | undefined> => {
    const { id, finished } = episodeFile(path)!;
    const file = await stat(path).catch(() => undefined);
    if (!file?.isFile()) return undefined;
    if (!finished) return { path, line: unfinishedLine(id, file) };
    const labels = await stat(labelsFile(path)).catch(() => undefined);
    const key = [file.size, file.mtimeMs, labels?.size, labels?.mtimeMs].join(' ');
    const before = known.get(path);
    const line =
      before?.key === key
        ? before.line
        : await lineOf(path, id, file.size).catch((error: unknown) => ({
            ...{ id, task: '', policy: '', seconds: 0, bytes: file.size },
            problem: messageOf(error),
          }));
    next.set(path, { key, line });
    return { path, line };
  };

  const filesIn = async (folder: string) =>
    (await readdir(folder).catch(() => []))
      .filter((name) => episodeFile(name))
      .sort()
      .map((name) => join(folder, name));

  return async () => {
    const paths = (await Promise.all(folders.map(filesIn))).flat();
    const next = new Map<string, Known>();
    const files: ListedFile[] = [];
    const taken = new Map<string, ListedFile>();
    for (let from = 0; from < paths.length; from += AT_ONCE) {
      const batch = paths.slice(from, from + AT_ONCE);
      for (const found of await Promise.all(batch.map((path) => look(path, next)))) {
        if (!found) continue;
        const { path, line } = found;
        const other = taken.get(line.id);
        if (other && isCopy(other, found)) continue;
        const id = other ? `${basename(join(path, '..'))}/${basename(path)}` : line.id;
        if (taken.has(id)) continue;
        const file = { path, line: { ...line, id } };
        taken.set(id, file);
        files.push(file);
      }
    }
    known = next;
    return files;
  };
}
