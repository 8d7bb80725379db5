import type { Embodiment } from '../../robot/embodiment.ts';
import type { CellType, Column } from '../parquet.ts';
import { ACTION, EXTRA, PLACE, STATE, pictureFeature } from './layout.ts';

/** A feature as info.json describes it. */
export interface Feature {
  dtype: string;
  shape: number[];
  names?: unknown;
  info?: Record<string, unknown>;
}

export type Features = Record<string, Feature>;

export const isPicture = ({ dtype }: Feature) => dtype === 'image' || dtype === 'video';

const one = (dtype: CellType): Feature => ({ dtype, shape: [1], names: null });

const list = (dtype: CellType, names: string[]): Feature => ({
  dtype,
  shape: [names.length],
  names,
});

/** How the pictures of a data set are kept. */
export type PictureStorage = { kind: 'image' } | { kind: 'video'; info: Record<string, unknown> };

/** The features of an embodiment's episodes, in the order of their columns. */
export function featuresOf({ joints, cameras }: Embodiment, storage: PictureStorage): Features {
  const jointNames = joints.map(({ name }) => name);
  const pictures = cameras.map(({ name, width, height }): [string, Feature] => [
    pictureFeature(name),
    {
      dtype: storage.kind,
      shape: [height, width, 3],
      names: ['height', 'width', 'channels'],
      ...(storage.kind === 'video' && {
        info: { 'video.height': height, 'video.width': width, ...storage.info },
      }),
    },
  ]);
  return {
    [STATE]: list('float32', jointNames),
    [ACTION]: list('float32', jointNames),
    ...Object.fromEntries(pictures),
    [EXTRA.reward]: one('float32'),
    [EXTRA.success]: one('bool'),
    [EXTRA.done]: one('bool'),
    [EXTRA.policyVersion]: one('string'),
    [EXTRA.jointStamp]: one('int64'),
    [EXTRA.commandStamp]: one('int64'),
    [EXTRA.pictureStamps]: list(
      'int64',
      cameras.map(({ name }) => name),
    ),
    [PLACE.timestamp]: one('float32'),
    [PLACE.frame]: one('int64'),
    [PLACE.episode]: one('int64'),
    [PLACE.index]: one('int64'),
    [PLACE.task]: one('int64'),
  };
}

/** The column that a feature is, other than a video. */
export const columnOf = (name: string, { dtype, shape }: Feature): Column =>
  dtype === 'image'
    ? { name, type: 'picture' }
    : { name, type: dtype as CellType, list: shape[0] !== 1 };
