import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createVideo } from '../../src/datasets/videoEncoder.ts';
import { openVideos } from '../../src/datasets/videoReader.ts';

const SIZE = { width: 64, height: 48 };
const RATE = 50;
const FRAMES = 60;

/** The level of grey that a frame shows. */
const levelOf = (frame: number) => 20 + 3 * frame;

describe('a video', () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-video-'));
    path = join(folder, 'video.mp4');
    const video = await createVideo(path, SIZE, RATE);
    for (let frame = 0; frame < FRAMES; frame++)
      await video.add(
        new Uint8Array(SIZE.width * SIZE.height * 4).fill(levelOf(frame)),
        frame === 0,
      );
    await video.end();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('gives each of two episodes its own frames, also where both are read at once', async () => {
    const videos = openVideos();
    const seconds = Array.from({ length: FRAMES / 2 }, (_, k) => k / RATE);
    const [first, second] = [0, FRAMES / 2].map((from) =>
      videos.frames({ path, from: from / RATE }, seconds, SIZE),
    );
    const read = await Promise.all(seconds.flatMap((_, k) => [first(k), second(k)]));
    for (const [i, pixels] of read.entries()) {
      const frame = (i % 2) * (FRAMES / 2) + Math.floor(i / 2);
      const middle = pixels[3 * (24 * SIZE.width + 32)];
      assert.ok(Math.abs(middle - levelOf(frame)) <= 2, `frame ${frame}: ${middle}`);
    }
    videos.close();
  });
});
