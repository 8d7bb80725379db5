import type { EncodedVideoChunk, VideoEncoder } from '@napi-rs/webcodecs';
import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Camera } from '../robot/embodiment.ts';
import { invalid } from '../errors.ts';
import { loadWebcodecs } from './webcodecs.ts';

/** H.264, High profile, level 4. */
const CODEC = 'avc1.640028';
/** Most frames from one key frame to the next, so that any frame is found quickly. */
const KEY_EVERY = 10;
/** x264's constant quantiser, 0 to 51. */
const QUANTIZER = 18;
/** Frames that wait to be encoded, at most. */
const MOST_WAITING = 32;

/** What lerobot notes of such a video. */
export const videoInfo = (fps: number) => ({
  'video.codec': 'h264',
  'video.pix_fmt': 'yuv420p',
  'video.is_depth_map': false,
  'video.fps': fps,
  'video.channels': 3,
  has_audio: false,
});

/** An MP4 file that grows by frames. It is in memory until its end. */
export interface VideoFile {
  /** Bytes so far. */
  readonly size: number;
  /** Frames so far. */
  readonly frames: number;
  /** Adds a frame, RGBA8; it is a key frame if it `isNew`, rather than the one before once more. */
  add(pixels: Uint8Array, isNew: boolean): Promise<void>;
  /** Resolves when all frames are encoded. */
  settled(): Promise<void>;
  end(): Promise<void>;
}

/** Waits until the encoder has room. It may not tell when that is, and asking without a pause takes a core. */
async function roomIn(encoder: VideoEncoder): Promise<void> {
  while (encoder.encodeQueueSize > MOST_WAITING) await setTimeout(1);
}

/** Starts an MP4 file of H.264 at a constant rate. */
export async function createVideo(
  path: string,
  { width, height }: Pick<Camera, 'width' | 'height'>,
  fps: number,
): Promise<VideoFile> {
  if (width % 2 === 1 || height % 2 === 1)
    throw invalid(
      path,
      `pictures are ${width}×${height}, and H.264 takes even sizes alone; leave --video away`,
    );
  const { Mp4Muxer, VideoEncoder, VideoFrame } = await loadWebcodecs();
  const muxer = new Mp4Muxer({ fastStart: true });
  const failure: { error?: Error } = {};
  let size = 0;
  let frames = 0;
  let hasTrack = false;
  let sinceKey = 0;
  const encoder = new VideoEncoder({
    output(chunk: EncodedVideoChunk, metadata) {
      if (!hasTrack)
        muxer.addVideoTrack({
          ...{ codec: CODEC, width, height, framerate: fps },
          description: metadata?.decoderConfig?.description,
        });
      hasTrack = true;
      muxer.addVideoChunk(chunk);
      size += chunk.byteLength;
    },
    error: (error) => (failure.error = error),
  });
  encoder.configure({
    ...{ codec: CODEC, width, height, framerate: fps },
    ...{ bitrateMode: 'quantizer', latencyMode: 'realtime', avc: { format: 'avc' } },
    hardwareAcceleration: 'prefer-software',
  });
  const check = () => {
    if (failure.error) throw failure.error;
  };
  return {
    get size() {
      return size;
    },
    get frames() {
      return frames;
    },
    async add(pixels, isNew) {
      check();
      sinceKey = isNew || sinceKey + 1 === KEY_EVERY ? 0 : sinceKey + 1;
      const frame = new VideoFrame(pixels, {
        ...{ format: 'RGBA', codedWidth: width, codedHeight: height },
        timestamp: Math.round((frames * 1e6) / fps),
        duration: Math.round(1e6 / fps),
      });
      encoder.encode(frame, { keyFrame: sinceKey === 0, avc: { quantizer: QUANTIZER } });
      frame.close();
      frames += 1;
      await roomIn(encoder);
    },
    async settled() {
      await encoder.flush();
      check();
    },
    async end() {
      await encoder.flush();
      check();
      encoder.close();
      await writeFile(path, muxer.finalize());
      muxer.close();
    },
  };
}
