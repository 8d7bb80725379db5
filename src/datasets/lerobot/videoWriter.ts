import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { CameraFrame } from '../../robot/robot.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import { createVideo, videoInfo } from '../videoEncoder.ts';
import { createGrowingFiles } from './growingFiles.ts';
import { V3_PATHS, VIDEO_FILE_MB, pathOf, pictureFeature } from './layout.ts';
import {
  type EpisodePictures,
  type PictureWriter,
  framesOf,
  pngOf,
  samplesOf,
} from './pictureWriter.ts';

/** A frame's pixels, RGBA8. */
async function rgbaOf(frame: CameraFrame): Promise<Uint8Array> {
  return sharp(await pngOf(frame))
    .ensureAlpha()
    .raw()
    .toBuffer();
}

/** Keeps pictures in videos, H.264, a file of each camera until it is full. Every row has a frame. */
export function videoWriter(folder: string, { cameras, controlRate }: Embodiment): PictureWriter {
  const videos = cameras.map((camera) => {
    const feature = pictureFeature(camera.name);
    const files = createGrowingFiles(VIDEO_FILE_MB, async ({ chunk, file }) => {
      const place = { video_key: feature, chunk_index: chunk, file_index: file };
      const path = join(folder, pathOf(V3_PATHS.video, place));
      await mkdir(dirname(path), { recursive: true });
      return createVideo(path, camera, controlRate);
    });
    return { name: camera.name, feature, files };
  });

  /** Adds an episode's frames to a camera's video; resolves to the columns of the episode's entry. */
  async function add({ feature, files }: (typeof videos)[number], frames: readonly CameraFrame[]) {
    const video = await files.next();
    const from = video.frames;
    let shown: { frame: CameraFrame; pixels: Uint8Array } | undefined;
    for (const frame of frames) {
      const isNew = shown?.frame !== frame;
      if (!shown || isNew) shown = { frame, pixels: await rgbaOf(frame) };
      await video.add(shown.pixels, isNew);
    }
    await video.settled();
    const { chunk, file } = files.place();
    const column = (name: string) => `videos/${feature}/${name}`;
    return [
      { column: { name: column('chunk_index'), type: 'int64' as const }, cell: BigInt(chunk) },
      { column: { name: column('file_index'), type: 'int64' as const }, cell: BigInt(file) },
      {
        column: { name: column('from_timestamp'), type: 'float64' as const },
        cell: from / controlRate,
      },
      {
        column: { name: column('to_timestamp'), type: 'float64' as const },
        cell: video.frames / controlRate,
      },
    ];
  }

  return {
    storage: { kind: 'video', info: videoInfo(controlRate) },
    async episode(episode, rows) {
      const shown: EpisodePictures = { cells: {}, entry: [], samples: {} };
      const added = videos.map(async (video) => {
        const frames = framesOf(episode, rows, video.name);
        shown.samples[video.feature] = await samplesOf(frames);
        return add(video, frames);
      });
      for (const entry of await Promise.all(added)) shown.entry.push(...entry);
      return shown;
    },
    async end() {
      for (const { files } of videos) await files.end();
    },
  };
}
