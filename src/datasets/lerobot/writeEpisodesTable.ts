import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Column, createParquet, int64 } from '../parquet.ts';
import type { FilePlace } from './growingFiles.ts';
import { V3_PATHS, pathOf } from './layout.ts';
import type { EpisodePictures } from './pictureWriter.ts';

/** Where an episode is in a data set, and what it is of. */
export interface EpisodeEntry {
  index: number;
  /** Rows of the data set before it. */
  firstRow: number;
  rows: number;
  /** The file of its rows. */
  file: FilePlace;
  prompt: string;
  pictures: EpisodePictures['entry'];
}

/** Writes the table of a data set's episodes, which is one file; without an episode there is none. */
export function createEpisodesTable(folder: string) {
  const path = join(folder, pathOf(V3_PATHS.episodes, { chunk_index: 0, file_index: 0 }));
  let table: ReturnType<typeof createParquet> | undefined;
  return {
    async add({ index, firstRow, rows, file, prompt, pictures }: EpisodeEntry): Promise<void> {
      const places = {
        episode_index: index,
        length: rows,
        'data/chunk_index': file.chunk,
        'data/file_index': file.file,
        dataset_from_index: firstRow,
        dataset_to_index: firstRow + rows,
        'meta/episodes/chunk_index': 0,
        'meta/episodes/file_index': 0,
      };
      const entries: { column: Column; cell: unknown }[] = [
        ...Object.entries(places).map(([name, n]) => ({ column: int64(name), cell: BigInt(n) })),
        { column: { name: 'tasks', type: 'string', list: true }, cell: [prompt] },
        ...pictures,
      ];
      if (!table) {
        await mkdir(dirname(path), { recursive: true });
        const columns = entries.map(({ column }) => column);
        table = createParquet(path, columns);
      }
      await table.write(
        Object.fromEntries(entries.map(({ column, cell }) => [column.name, [cell]])),
      );
    },
    async end(): Promise<void> {
      await table?.end();
    },
  };
}
