import { basename, resolve } from 'node:path';
import { invalid } from '../../errors.ts';
import type { EpisodeHeader, EpisodeResult } from '../../episodes/episode.ts';
import type { Dataset, ReadOptions } from '../dataset.ts';
import { episodeOf } from '../episodeOf.ts';
import { type ParquetReader, type Row, openParquet } from '../parquet.ts';
import { calibratedRobot, unknownRobot } from '../robotOf.ts';
import { type PictureFeature, checkRows, foreignRows } from './episodeRows.ts';
import { type EpisodePlace, readEpisodesTable } from './episodesTable.ts';
import { type Feature, isPicture } from './features.ts';
import { type DatasetInfo, infoPath, namesOf, readInfo, sizeOf } from './info.ts';
import { EXTRA, PLACE, STATE, cameraOf } from './layout.ts';
import { readOwnRecord } from './ownRecord.ts';
import { statisticsNotes } from './statisticsNotes.ts';
import { openVideos } from '../videoReader.ts';

/** Features of pictures that can be read, and notes of those that cannot. */
function picturesOf(folder: string, { features }: DatasetInfo) {
  const notes: string[] = [];
  const pictures: PictureFeature[] = [];
  for (const [feature, described] of Object.entries(features)) {
    if (!isPicture(described)) continue;
    const size = sizeOf(described);
    if (size)
      pictures.push({
        ...{ feature, name: cameraOf(feature), ...size },
        isVideo: described.dtype === 'video',
      });
    else notes.push(`left out ${feature}: its shape is not height, width and three channels`);
  }
  const names = pictures.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw invalid(infoPath(folder), `two features of pictures end in ${twice}`);
  if (pictures.length === 0)
    throw invalid(infoPath(folder), 'features: none has the dtype image or video');
  return { pictures, notes };
}

/** The robot of a data set, and where its joints are in the set's vectors. */
async function robotOf(
  folder: string,
  info: DatasetInfo,
  pictures: readonly PictureFeature[],
  calibration: string | undefined,
  own: EpisodeHeader['embodiment'] | undefined,
) {
  const state = info.features[STATE] as Feature;
  if (calibration !== undefined)
    return calibratedRobot(calibration, {
      names: namesOf(state),
      joints: state.shape[0],
      rate: info.fps,
      cameras: pictures.map(({ name, width, height }) => ({ name, width, height })),
      source: { joints: `${infoPath(folder)}: ${STATE}`, rate: `${infoPath(folder)}: fps` },
    });
  if (!own) throw unknownRobot(folder);
  return { embodiment: own, order: own.joints.map((_, i) => i) };
}

/** Throws a `UserError` if a data file lacks a feature that info.json declares. */
function checkColumns(file: ParquetReader, { features }: DatasetInfo): void {
  const wanted = Object.keys(features).filter((name) => features[name].dtype !== 'video');
  const lacking = [...wanted, PLACE.timestamp, PLACE.episode, PLACE.task].filter(
    (name) => !file.columns.includes(name),
  );
  if (lacking.length > 0)
    throw invalid(
      file.path,
      `has no column ${[...new Set(lacking)].join(', ')}, which meta/info.json declares`,
    );
}

/** How an episode ended, by its rows: a success where they do not say. */
function resultIn(rows: readonly Row[]): EpisodeResult {
  const says = rows[0][EXTRA.success] !== undefined;
  const success = !says || rows.some((row) => row[EXTRA.success] === true);
  const reward = success ? 1 : 0;
  return {
    outcome: success ? 'success' : 'failure',
    reward,
    stagedReward: reward,
    steps: rows.length,
  };
}

/** Opens a data set of lerobot's version 3 or 2.1. Throws a `UserError` that names file and field. */
export async function openLerobot(
  folder: string,
  { calibration, every }: ReadOptions,
): Promise<Dataset> {
  const info = await readInfo(folder);
  const { pictures, notes } = picturesOf(folder, info);
  const { places, tasks } = await readEpisodesTable(folder, info);
  const own = await readOwnRecord(folder, places.length);
  const robot = await robotOf(folder, info, pictures, calibration, own?.embodiment);
  notes.push(...(await statisticsNotes(folder)));
  if (!own && !(EXTRA.success in info.features))
    notes.push(`no feature ${EXTRA.success}: every episode counts as a success`);

  const { embodiment } = robot;
  const settings = { ...robot, cameras: pictures, every };
  const name = basename(resolve(folder));
  const idOf = (place: EpisodePlace, i: number) =>
    own?.episodes[i].header.id ?? `${name}-${String(place.index).padStart(6, '0')}`;
  const numbers = new Map(places.map((place, i) => [idOf(place, i), i]));
  const videos = openVideos();
  let file: ParquetReader | undefined;

  async function rowsOf(place: EpisodePlace): Promise<Row[]> {
    if (file?.path !== place.data) {
      await file?.close();
      file = undefined;
      file = await openParquet(place.data);
    }
    checkColumns(file, info);
    const { firstRow, length } = place;
    return file.read(firstRow, firstRow + length);
  }

  /** The header of an episode that Nalu did not record. */
  function foreignHeader(id: string, rows: readonly Row[], { data }: EpisodePlace): EpisodeHeader {
    const task = tasks[Number(rows[0][PLACE.task])] as string | undefined;
    if (task === undefined)
      throw invalid(data, `${PLACE.task} is ${String(rows[0][PLACE.task])}, and there are ${tasks.length} tasks`); // prettier-ignore
    return { id, embodiment, task: task, prompt: task, policy: 'demonstration' };
  }

  return {
    ...{ episodes: [...numbers.keys()], embodiment, notes },
    async read(id) {
      const number = numbers.get(id)!;
      const place = places[number];
      const rows = await rowsOf(place);
      checkRows(rows, place, info.fps);
      const known = own?.episodes[number];
      const header = known ? { ...known.header, embodiment } : foreignHeader(id, rows, place);
      const result = known?.result ?? resultIn(rows);
      return episodeOf(place.data, header, result, foreignRows(rows, place, settings, videos));
    },
    async close() {
      videos.close();
      await file?.close();
    },
  };
}
