import { invalid } from '../../errors.ts';
import { type Embodiment, controlPeriod } from '../../robot/embodiment.ts';
import type { CameraFrame } from '../../robot/robot.ts';
import type { ForeignRows } from '../episodeOf.ts';
import type { Row } from '../parquet.ts';
import { checkWithin } from '../robotOf.ts';
import type { EpisodePlace } from './episodesTable.ts';
import { ACTION, EXTRA, PLACE, STATE } from './layout.ts';
import { frameOfCell } from './pictureReader.ts';
import type { Videos } from '../videoReader.ts';

/** lerobot's own tolerance of timestamps, s. */
const TOLERANCE = 1e-4;

/** A feature of pictures, and the camera that it is of. */
export interface PictureFeature {
  feature: string;
  name: string;
  width: number;
  height: number;
  isVideo: boolean;
}

export interface RowSettings {
  embodiment: Embodiment;
  /** Where each joint is in the data set's vectors. */
  order: number[];
  cameras: readonly PictureFeature[];
  /** Rows from one observation to the next, where the rows do not say which pictures are new. */
  every: number;
}

const asList = (cell: unknown): unknown[] => (Array.isArray(cell) ? cell : [cell]);

/** Names a row of an episode in errors. */
const at = ({ data, index }: EpisodePlace, row: number, column: string) =>
  `${data}: ${column}, row ${row} of episode ${index}`;

/** Checks that the rows are those of the episode, and are a step of time apart. */
export function checkRows(rows: readonly Row[], place: EpisodePlace, rate: number): void {
  if (rows.length !== place.length)
    throw invalid(
      place.data,
      `has ${rows.length} of the ${place.length} rows of episode ${place.index}`,
    );
  for (const [i, row] of rows.entries()) {
    if (Number(row[PLACE.episode]) !== place.index)
      throw invalid(at(place, i, PLACE.episode), `is ${String(row[PLACE.episode])}`);
    const seconds = Number(row[PLACE.timestamp]);
    if (!(Math.abs(seconds - i / rate) <= TOLERANCE))
      throw invalid(
        at(place, i, PLACE.timestamp),
        `is ${seconds} s, and ${i / rate} s at fps ${rate}; rows out of step cannot be read`,
      );
  }
}

/** [joints] a vector in the robot's order. Throws a `UserError` if it lacks numbers. */
function vectorOf(
  row: Row,
  column: string,
  { embodiment, order }: RowSettings,
  where: () => string,
): Float64Array {
  const cell = asList(row[column]);
  const values = Float64Array.from(order, (i) => (cell[i] === null ? NaN : Number(cell[i])));
  if (cell.length !== order.length || !values.every(Number.isFinite))
    throw invalid(where(), `is not ${order.length} numbers`);
  checkWithin(embodiment, values, where);
  return values;
}

/** Stamps of rows whose data set has none of its own: a control step apart, from the first step on. */
function steps(rows: readonly Row[], embodiment: Embodiment): bigint[] {
  const period = controlPeriod(embodiment);
  return rows.map((_, i) => BigInt(i + 1) * period);
}

const stampsIn = (rows: readonly Row[], column: string): bigint[] | undefined =>
  typeof rows[0][column] === 'bigint' ? rows.map((row) => row[column] as bigint) : undefined;

/** Rows that show pictures which the row before did not. */
function observedRows(rows: readonly Row[], every: number): number[] {
  const stamps = rows.map((row) => row[EXTRA.pictureStamps]);
  return rows.flatMap((_, i) => {
    const isNew =
      stamps[0] === undefined
        ? i % every === 0
        : i === 0 || String(stamps[i]) !== String(stamps[i - 1]);
    return isNew ? [i] : [];
  });
}

/** An episode's rows, in the robot's order and with its frames. Throws a `UserError` that names the cell. */
export function foreignRows(
  rows: readonly Row[],
  place: EpisodePlace,
  settings: RowSettings,
  videos: Videos,
): ForeignRows {
  const { embodiment, cameras, every } = settings;
  const jointStamps = stampsIn(rows, EXTRA.jointStamp) ?? steps(rows, embodiment);
  const vectors = (column: string) =>
    rows.map((row, i) => vectorOf(row, column, settings, () => at(place, i, column)));
  const observed = observedRows(rows, every);
  const shown = cameras.map((camera, i) => {
    const frameAt = (row: number) => {
      const stamp = asList(rows[row][EXTRA.pictureStamps])[i];
      return {
        camera: camera.name,
        stamp: typeof stamp === 'bigint' ? stamp : jointStamps[row],
        width: camera.width,
        height: camera.height,
      };
    };
    if (!camera.isVideo)
      return observed.map((row) =>
        frameOfCell(rows[row][camera.feature], frameAt(row), at(place, row, camera.feature)),
      );
    const seconds = observed.map((row) => row / embodiment.controlRate);
    const pixels = videos.frames(place.videos[camera.feature], seconds, camera);
    return observed.map((row, k): CameraFrame => ({
      ...frameAt(row),
      pixels: () => pixels(k),
    }));
  });
  return {
    jointStamps,
    commandStamps: stampsIn(rows, EXTRA.commandStamp) ?? jointStamps,
    states: vectors(STATE),
    actions: vectors(ACTION),
    policyVersions: rows.map((row) => {
      const version = row[EXTRA.policyVersion];
      return typeof version === 'string' ? version : 'demonstration';
    }),
    observations: observed.map((row, k) => ({ row, frames: shown.map((frames) => frames[k]) })),
  };
}
