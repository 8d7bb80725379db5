import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, invalid, listed } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { parseJson } from '../../validate.ts';
import { unreadable } from '../../systemErrors.ts';
import { type Row, openParquet } from '../parquet.ts';
import { type DatasetInfo, infoPath } from './info.ts';
import { V3_FILES, pathOf } from './layout.ts';

/** Where an episode of a data set is. */
export interface EpisodePlace {
  index: number;
  length: number;
  /** Parquet file, and the episode's first row in it. */
  data: string;
  firstRow: number;
  /** By feature: file, and seconds in it at which the episode begins. */
  videos: Record<string, { path: string; from: number }>;
}

export interface EpisodesTable {
  places: EpisodePlace[];
  /** Texts of tasks by their index. */
  tasks: string[];
}

const videoFeatures = ({ features }: DatasetInfo) =>
  Object.keys(features).filter((name) => features[name].dtype === 'video');

/** A whole number of a table's row. */
function integerIn(row: Row, column: string, path: string): number {
  const value = Number(row[column]);
  if (row[column] === null || row[column] === undefined || !Number.isSafeInteger(value))
    throw invalid(path, `${column} is ${String(row[column])}, not a whole number`);
  return value;
}

async function parquetFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  return names
    .filter((name) => name.endsWith('.parquet'))
    .sort()
    .map((name) => join(folder, name));
}

async function readRows(path: string, wanted?: (column: string) => boolean): Promise<Row[]> {
  const file = await openParquet(path);
  try {
    return await file.read(0, file.rows, wanted && file.columns.filter(wanted));
  } finally {
    await file.close();
  }
}

async function tasksOfV3(folder: string): Promise<string[]> {
  const path = join(folder, V3_FILES.tasks);
  return (await readRows(path)).map((row, i) => {
    // lerobot takes a task by its row. A table in another order would have two meanings.
    if (integerIn(row, 'task_index', path) !== i)
      throw invalid(path, `row ${i} has the task_index ${String(row.task_index)}; tasks must stand in the order of their indices`); // prettier-ignore
    const text = row.task ?? row.__index_level_0__;
    if (typeof text !== 'string') throw invalid(path, `row ${i} has no text of its task`);
    return text;
  });
}

async function readV3(folder: string, info: DatasetInfo): Promise<EpisodesTable> {
  const firstRows = new Map<string, number>();
  const places: EpisodePlace[] = [];
  for (const path of await parquetFiles(join(folder, 'meta/episodes')))
    for (const row of await readRows(path, (column) => !column.startsWith('stats/'))) {
      const number = (column: string) => integerIn(row, column, path);
      const data = join(
        folder,
        pathOf(info.data_path, {
          chunk_index: number('data/chunk_index'),
          file_index: number('data/file_index'),
        }),
      );
      const start = number('dataset_from_index');
      if (!firstRows.has(data)) firstRows.set(data, start);
      const videos = videoFeatures(info).map((feature) => {
        const column = (name: string) => `videos/${feature}/${name}`;
        const file = pathOf(info.video_path ?? '', {
          video_key: feature,
          chunk_index: number(column('chunk_index')),
          file_index: number(column('file_index')),
        });
        return [
          feature,
          { path: join(folder, file), from: Number(row[column('from_timestamp')]) },
        ] as const;
      });
      places.push({
        index: number('episode_index'),
        length: number('length'),
        data,
        firstRow: start - firstRows.get(data)!,
        videos: Object.fromEntries(videos),
      });
    }
  return { places, tasks: await tasksOfV3(folder) };
}

/** The objects of a file of JSON lines, all of which must be there. */
async function readLines(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => parseJson(line, `${path}: line ${i + 1}`) as Record<string, unknown>);
}

async function readV21(folder: string, info: DatasetInfo): Promise<EpisodesTable> {
  const episodes = join(folder, 'meta/episodes.jsonl');
  const places = (await readLines(episodes)).map((row): EpisodePlace => {
    const index = integerIn(row, 'episode_index', episodes);
    const at = { episode_index: index, episode_chunk: Math.floor(index / info.chunks_size) };
    return {
      index,
      length: integerIn(row, 'length', episodes),
      data: join(folder, pathOf(info.data_path, at)),
      firstRow: 0,
      videos: Object.fromEntries(
        videoFeatures(info).map((feature) => [
          feature,
          {
            path: join(folder, pathOf(info.video_path ?? '', { ...at, video_key: feature })),
            from: 0,
          },
        ]),
      ),
    };
  });
  const path = join(folder, 'meta/tasks.jsonl');
  const tasks: string[] = [];
  for (const row of await readLines(path))
    tasks[integerIn(row, 'task_index', path)] = String(row.task);
  return { places, tasks };
}

/** Throws a `UserError` that names each file of the data set that is not there. */
async function checkFiles(folder: string, places: readonly EpisodePlace[]): Promise<void> {
  const paths = places.flatMap(({ data, videos }) => [
    data,
    ...Object.values(videos).map(({ path }) => path),
  ]);
  const lacking: string[] = [];
  for (const path of new Set(paths)) if (!(await isThere(path))) lacking.push(path);
  if (lacking.length > 0)
    throw new UserError(
      `${folder}: ${lacking.length} of its files are not there:${listed(lacking)}`,
      { kind: 'missing', subject: folder },
    );
}

/** Reads where a data set's episodes are, and its tasks. Throws a `UserError` if a file is not there. */
export async function readEpisodesTable(folder: string, info: DatasetInfo): Promise<EpisodesTable> {
  const isOld = info.codebase_version.startsWith('v2');
  const table = await (isOld ? readV21 : readV3)(folder, info);
  if (table.places.length !== info.total_episodes)
    throw invalid(
      infoPath(folder),
      `total_episodes is ${info.total_episodes}, and ${table.places.length} are listed`,
    );
  await checkFiles(folder, table.places);
  return table;
}
