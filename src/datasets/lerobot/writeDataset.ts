import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Episode } from '../../episodes/readEpisode.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import { createParquet } from '../parquet.ts';
import { type EpisodeRow, rowsOf } from '../rows.ts';
import { type Features, columnOf, featuresOf } from './features.ts';
import { createGrowingFiles } from './growingFiles.ts';
import {
  ACTION,
  CHUNK_SIZE,
  DATA_FILE_MB,
  EXTRA,
  PLACE,
  STATE,
  V3_FILES,
  V3_PATHS,
  VIDEO_FILE_MB,
  pathOf,
} from './layout.ts';
import { createOwnRecord } from './ownRecord.ts';
import type { PictureWriter } from './pictureWriter.ts';
import { datasetStatistics } from './datasetStatistics.ts';
import { createEpisodesTable } from './writeEpisodesTable.ts';
import { writeTasks } from './writeTasks.ts';

/** Writes a data set of lerobot's version 3, an episode at a time. Memory does not grow with it. */
export async function createDataset(
  folder: string,
  embodiment: Embodiment,
  pictures: PictureWriter,
) {
  const features = featuresOf(embodiment, pictures.storage);
  const dataColumns = Object.entries(features).flatMap(([name, feature]) =>
    feature.dtype === 'video' ? [] : [columnOf(name, feature)],
  );
  const data = createGrowingFiles(DATA_FILE_MB, async ({ chunk, file }) => {
    const path = join(folder, pathOf(V3_PATHS.data, { chunk_index: chunk, file_index: file }));
    await mkdir(dirname(path), { recursive: true });
    return createParquet(path, dataColumns);
  });
  const statistics = datasetStatistics(features);
  const tasks: string[] = [];
  const totals = { episodes: 0, frames: 0 };
  const table = createEpisodesTable(folder);
  const record = await createOwnRecord(folder, embodiment);

  const taskIndex = (task: string) => {
    if (!tasks.includes(task)) tasks.push(task);
    return tasks.indexOf(task);
  };

  return {
    /** Adds an episode; resolves to the rows that it has. */
    async add(episode: Episode): Promise<number> {
      const rows = rowsOf(episode);
      if (rows.length === 0) return 0;
      const shown = await pictures.episode(episode, rows);
      const place = { ...totals, task: taskIndex(episode.header.prompt) };
      const cells = { ...cellsOf(episode, embodiment, rows, place), ...shown.cells };
      const file = await data.next();
      await file.write(cells);
      statistics.add(cells, shown.samples);
      await table.add({
        index: totals.episodes,
        firstRow: totals.frames,
        rows: rows.length,
        file: data.place(),
        prompt: episode.header.prompt,
        pictures: shown.entry,
      });
      await record(episode);
      totals.episodes += 1;
      totals.frames += rows.length;
      return rows.length;
    },
    async finish(): Promise<void> {
      await data.end();
      await pictures.end();
      await table.end();
      await writeTasks(folder, tasks);
      const json = (value: object) => `${JSON.stringify(value, null, 4)}\n`;
      await writeFile(join(folder, V3_FILES.statistics), json(statistics.result()));
      await writeFile(
        join(folder, V3_FILES.info),
        json(infoOf(embodiment, features, totals, tasks)),
      );
    },
  };
}

/** The cells of an episode's columns, but for pictures. */
function cellsOf(
  { result }: Episode,
  { cameras, controlRate }: Embodiment,
  rows: readonly EpisodeRow[],
  at: { episodes: number; frames: number; task: number },
): Record<string, unknown[]> {
  // A feature of one element is a plain column.
  const vector = <T>(values: T[]) => (values.length === 1 ? values[0] : values);
  const floats = (values: Float64Array) => vector(Array.from(values, Math.fround));
  const last = rows.length - 1;
  return {
    [STATE]: rows.map(({ joints }) => floats(joints.position)),
    [ACTION]: rows.map(({ command }) => floats(command.position)),
    [EXTRA.reward]: rows.map((_, i) => (i === last ? (result?.reward ?? 0) : 0)),
    [EXTRA.success]: rows.map((_, i) => i === last && result?.outcome === 'success'),
    [EXTRA.done]: rows.map((_, i) => i === last),
    [EXTRA.policyVersion]: rows.map(({ chunk }) => chunk.policyVersion),
    [EXTRA.jointStamp]: rows.map(({ joints }) => joints.stamp),
    [EXTRA.commandStamp]: rows.map(({ command }) => command.stamp),
    [EXTRA.pictureStamps]: rows.map(({ chunk }) =>
      vector(cameras.map(({ name }) => chunk.frameStamps[name])),
    ),
    [PLACE.timestamp]: rows.map((_, i) => Math.fround(i / controlRate)),
    [PLACE.frame]: rows.map((_, i) => BigInt(i)),
    [PLACE.episode]: rows.map(() => BigInt(at.episodes)),
    [PLACE.index]: rows.map((_, i) => BigInt(at.frames + i)),
    [PLACE.task]: rows.map(() => BigInt(at.task)),
  };
}

const infoOf = (
  { name, controlRate }: Embodiment,
  features: Features,
  { episodes, frames }: { episodes: number; frames: number },
  tasks: readonly string[],
) => ({
  codebase_version: 'v3.0',
  robot_type: name,
  total_episodes: episodes,
  total_frames: frames,
  total_tasks: tasks.length,
  chunks_size: CHUNK_SIZE,
  data_files_size_in_mb: DATA_FILE_MB,
  video_files_size_in_mb: VIDEO_FILE_MB,
  fps: controlRate,
  splits: { train: `0:${episodes}` },
  data_path: V3_PATHS.data,
  video_path: Object.values(features).some(({ dtype }) => dtype === 'video')
    ? V3_PATHS.video
    : null,
  features,
});
