import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import sharp from 'sharp';
import { UserError, invalid, messageOf } from '../../errors.ts';
import type { EpisodeHeader } from '../../episodes/episode.ts';
import { type Camera, type Embodiment, controlPeriod } from '../../robot/embodiment.ts';
import type { CameraFrame } from '../../robot/robot.ts';
import type { Dataset, ReadOptions } from '../dataset.ts';
import { type ForeignRows, episodeOf } from '../episodeOf.ts';
import { calibratedRobot, checkWithin, unknownRobot } from '../robotOf.ts';
import { type Hdf5, openHdf5 } from './hdf5.ts';

const EPISODE = /^episode_(\d+)\.hdf5$/;
const STATE = '/observations/qpos';
const ACTION = '/action';
const PICTURES = '/observations/images';

/** ACT's files in a folder, in the order of their numbers. */
export async function actFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const numberOf = (name: string) => Number(EPISODE.exec(name)?.[1]);
  return names
    .filter((name) => EPISODE.test(name))
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((name) => join(folder, name));
}

type View = Pick<Camera, 'name' | 'width' | 'height'>;

/** What is in an episode's file. */
interface Content {
  rows: number;
  joints: number;
  cameras: View[];
}

/** Pixels of a picture that is compressed, in a row that is longer than it. */
async function decompressed(bytes: Uint8Array, where: string) {
  return sharp(bytes, { failOn: 'error' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw new UserError(`${where}: is no readable JPEG: ${messageOf(error)}`, {
        cause: error,
        kind: 'invalid',
        subject: where,
      });
    });
}

/** Width and height of a camera's pictures: [rows, height, width, 3], or [rows, bytes] of JPEGs. */
async function sizeOf(file: Hdf5, name: string): Promise<View> {
  const path = `${PICTURES}/${name}`;
  const shape = file.shape(path) ?? [];
  if (shape.length === 4 && shape[3] === 3) return { name, width: shape[2], height: shape[1] };
  if (shape.length !== 2)
    throw invalid(file.path, `${path} has the shape [${shape.join(', ')}]; ACT's have [rows, height, width, 3], or [rows, bytes] of JPEGs`); // prettier-ignore
  const first = Uint8Array.from(file.rows(path, 0, 1));
  const { info } = await decompressed(first, `${file.path}: ${path}, row 0`);
  return { name, width: info.width, height: info.height };
}

/** Checks that a file has ACT's layout. Throws a `UserError` that names what it lacks. */
async function contentOf(file: Hdf5): Promise<Content> {
  const shapes = [STATE, ACTION].map((name) => {
    const shape = file.shape(name);
    if (shape?.length !== 2)
      throw invalid(file.path, `${name} ${shape ? `has the shape [${shape.join(', ')}]` : 'is lacking'}; ACT's files have [rows, joints] there`); // prettier-ignore
    return shape;
  });
  const [[rows, joints], [actionRows, actions]] = shapes;
  if (rows === 0) throw invalid(file.path, `${STATE} has no rows`);
  if (rows !== actionRows || joints !== actions)
    throw invalid(file.path, `${STATE} is [${rows}, ${joints}], ${ACTION} [${actionRows}, ${actions}]`); // prettier-ignore
  const names = file.names(PICTURES);
  if (names.length === 0) throw invalid(file.path, `${PICTURES} has no cameras`);
  const cameras: View[] = [];
  for (const name of names) {
    const counted = file.shape(`${PICTURES}/${name}`)?.[0];
    if (counted !== rows)
      throw invalid(file.path, `${PICTURES}/${name} has ${String(counted)} rows, ${STATE} ${rows}`);
    cameras.push(await sizeOf(file, name));
  }
  return { rows, joints, cameras };
}

const makeOf = ({ joints, cameras }: Content) =>
  `${joints} joints, ${cameras.map(({ name, width, height }) => `${name} ${width}×${height}`).join(', ')}`;

/** [joints] of each row. */
function vectorsOf(file: Hdf5, name: string, { rows, joints }: Content, robot: Embodiment) {
  const values = Float64Array.from(file.rows(name, 0, rows));
  return Array.from({ length: rows }, (_, row) => {
    const vector = values.slice(row * joints, (row + 1) * joints);
    const where = () => `${file.path}: ${name}, row ${row}`;
    if (!vector.every(Number.isFinite)) throw invalid(where(), 'is not all numbers');
    checkWithin(robot, vector, where);
    return vector;
  });
}

/** A camera's picture in a row, which is read when its pixels are asked for. */
function frameOf(file: Hdf5, { name, width, height }: View, row: number, stamp: bigint) {
  const path = `${PICTURES}/${name}`;
  const pixels = async (): Promise<Uint8Array> => {
    const bytes = Uint8Array.from(file.rows(path, row, row + 1));
    if (file.shape(path)!.length === 4) return bytes;
    const where = `${file.path}: ${path}, row ${row}`;
    const { data, info } = await decompressed(bytes, where);
    if (info.width !== width || info.height !== height)
      throw invalid(where, `is ${info.width}×${info.height}, others ${width}×${height}`);
    return data;
  };
  return { camera: name, stamp, width, height, pixels } satisfies CameraFrame;
}

function rowsOf(file: Hdf5, content: Content, robot: Embodiment, every: number): ForeignRows {
  const { rows, cameras } = content;
  const period = controlPeriod(robot);
  const stamps = Array.from({ length: rows }, (_, row) => BigInt(row + 1) * period);
  const observed = stamps.map((_, row) => row).filter((row) => row % every === 0);
  return {
    jointStamps: stamps,
    commandStamps: stamps,
    states: vectorsOf(file, STATE, content, robot),
    actions: vectorsOf(file, ACTION, content, robot),
    policyVersions: stamps.map(() => 'demonstration'),
    observations: observed.map((row) => ({
      row,
      frames: cameras.map((camera) => frameOf(file, camera, row, stamps[row])),
    })),
  };
}

/** Opens a folder of ACT's HDF5 files, `episode_N.hdf5`. Throws a `UserError` that names file and field. */
export async function openAct(
  folder: string,
  { calibration, every }: ReadOptions,
): Promise<Dataset> {
  const files = await actFiles(folder);
  let file: Hdf5 | undefined = await openHdf5(files[0]);
  const first = await contentOf(file);
  if (calibration === undefined) throw unknownRobot(folder);
  const { embodiment } = await calibratedRobot(calibration, {
    ...{ names: undefined, joints: first.joints, rate: undefined, cameras: first.cameras },
    source: { joints: `${files[0]}: ${STATE}`, rate: files[0] },
  });
  const base = basename(resolve(folder));
  const prompt = base.replaceAll(/[_-]+/g, ' ').trim();
  const ids = new Map(
    files.map((path) => [`${base}-${EPISODE.exec(basename(path))![1].padStart(6, '0')}`, path]),
  );
  return {
    ...{ episodes: [...ids.keys()], embodiment },
    notes: [
      `the files name no task: it is taken from the folder's name, "${prompt}"`,
      `the files say nothing of success, rate and colours: every episode counts as a success, at ${embodiment.controlRate} Hz, with pictures as RGB`,
    ],
    async read(id) {
      const path = ids.get(id)!;
      if (file?.path !== path) {
        file?.close();
        file = undefined;
        file = await openHdf5(path);
      }
      const content = await contentOf(file);
      if (makeOf(content) !== makeOf(first))
        throw invalid(path, `has ${makeOf(content)}; ${files[0]} has ${makeOf(first)}`);
      const header: EpisodeHeader = { id, embodiment, task: base, prompt, policy: 'demonstration' };
      const result = {
        ...{ outcome: 'success' as const, reward: 1, stagedReward: 1, steps: content.rows },
      };
      return episodeOf(path, header, result, rowsOf(file, content, embodiment, every));
    },
    close() {
      file?.close();
      return Promise.resolve();
    },
  };
}
