import sharp from 'sharp';
import type { Episode } from '../../episodes/readEpisode.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import type { CameraFrame } from '../../robot/robot.ts';
import type { Column } from '../parquet.ts';
import type { EpisodeRow } from '../rows.ts';
import type { PictureStorage } from './features.ts';
import { pictureFeature } from './layout.ts';

/** What an episode's pictures add to the data set. */
export interface EpisodePictures {
  /** Columns of the data, by feature. */
  cells: Record<string, unknown[]>;
  /** Columns of the episode's entry. */
  entry: { column: Column; cell: unknown }[];
  /** Pictures for statistics, by feature: RGB8. */
  samples: Record<string, Uint8Array[]>;
}

/** How a data set keeps pictures. */
export interface PictureWriter {
  storage: PictureStorage;
  episode(episode: Episode, rows: readonly EpisodeRow[]): Promise<EpisodePictures>;
  end(): Promise<void>;
}

/** Pictures of a camera and an episode that statistics are taken from, at most. */
const MOST_SAMPLES = 8;

/** Some of the items, evenly spaced. */
const some = <T>(items: readonly T[]): T[] => {
  const count = Math.min(items.length, MOST_SAMPLES);
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
};

/** A frame as PNG: as it was recorded, if it was. */
export async function pngOf(frame: CameraFrame): Promise<Uint8Array> {
  if (frame.png) return frame.png;
  const { width, height } = frame;
  return sharp(await frame.pixels(), { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 3 })
    .toBuffer();
}

/** The frame of each row of a camera. */
export const framesOf = (
  episode: Episode,
  rows: readonly EpisodeRow[],
  camera: string,
): CameraFrame[] => rows.map(({ chunk }) => episode.image(camera, chunk.frameStamps[camera])!);

/** Pixels of some of the frames that differ. */
export const samplesOf = (frames: readonly CameraFrame[]): Promise<Uint8Array[]> =>
  Promise.all(some([...new Set(frames)]).map((frame) => frame.pixels()));

/** Keeps pictures in the data's own files, without loss. A picture that several rows show is stored once. */
export const imageWriter = ({ cameras }: Embodiment): PictureWriter => ({
  storage: { kind: 'image' },
  async episode(episode, rows) {
    const shown: EpisodePictures = { cells: {}, entry: [], samples: {} };
    for (const { name } of cameras) {
      const feature = pictureFeature(name);
      const frames = framesOf(episode, rows, name);
      const stored = new Map(
        await Promise.all(
          [...new Set(frames)].map(
            async (frame) => [frame, { bytes: await pngOf(frame), path: null }] as const,
          ),
        ),
      );
      shown.cells[feature] = frames.map((frame) => stored.get(frame));
      shown.samples[feature] = await samplesOf(frames);
    }
    return shown;
  },
  end: () => Promise.resolve(),
});
