import type {
  EncodedVideoChunk,
  VideoDecoder,
  VideoDecoderConfig,
  VideoFrame,
} from '@napi-rs/webcodecs';
import { UserError, invalid, messageOf } from '../errors.ts';
import { createQueue } from '../processes/queue.ts';
import type { Camera } from '../robot/embodiment.ts';
import { rgbOf } from './framePixels.ts';
import { loadWebcodecs } from './webcodecs.ts';

/** Where an episode begins in a video file, s. */
export interface VideoPlace {
  path: string;
  from: number;
}

/** How far a frame may be from the time at which it is wanted, µs: lerobot's own tolerance. */
const TOLERANCE = 100;
/** How far behind a time packets are read, µs: those of frames shown earlier may come later in the file. */
const MARGIN = 1e6;
/** Packets that are read at a time. */
const BATCH = 256;

type Size = Pick<Camera, 'width' | 'height'>;

/** A frame that pictures are decoded from independently, and those that follow it up to the next. */
interface Group {
  /** In the order of the file, which may be another than that in which they are shown. */
  chunks: EncodedVideoChunk[];
}

/** Stamps of packets' frames, µs, in the order in which they are shown. */
const stampsOf = (chunks: readonly EncodedVideoChunk[]): number[] =>
  chunks.map(({ timestamp }) => timestamp).sort((a, b) => a - b);

/** Groups packets by key frames. */
function groupsOf(chunks: readonly EncodedVideoChunk[]): Group[] {
  const groups: Group[] = [];
  for (const chunk of chunks) {
    if (chunk.type === 'key') groups.push({ chunks: [] });
    groups.at(-1)?.chunks.push(chunk);
  }
  return groups;
}

/** Reads the packets between two times, µs, from the key frame before on. */
async function packetsOf(path: string, from: number, to: number) {
  const { Mp4Demuxer } = await loadWebcodecs();
  const chunks: EncodedVideoChunk[] = [];
  const demuxer = new Mp4Demuxer({
    videoOutput: (chunk) => chunks.push(chunk),
    error: () => undefined,
  });
  try {
    await demuxer.load(path);
    const config = demuxer.videoDecoderConfig;
    if (!config) throw new Error('there is no video in it');
    demuxer.seek(Math.max(0, from));
    do await demuxer.demuxAsync(BATCH);
    while (demuxer.state !== 'ended' && !chunks.some(({ timestamp }) => timestamp > to + MARGIN));
    return { config, groups: groupsOf(chunks) };
  } finally {
    demuxer.close();
  }
}

/**
 * Decodes a group up to the last frame that is wanted. Frames come in the order in which they are shown; their own
 * stamps are not trusted, since they may be those of the packets in the order of the file.
 */
async function decode(
  { decoder, frames }: Decoding,
  { chunks }: Group,
  wanted: ReadonlySet<number>,
  size: Size,
): Promise<Map<number, Uint8Array>> {
  const last = chunks.findLastIndex(({ timestamp }) => wanted.has(timestamp));
  const read = chunks.slice(0, last + 1);
  const stamps = stampsOf(read);
  for (const chunk of read) decoder.decode(chunk);
  await decoder.flush();
  const shown = frames.splice(0);
  try {
    const pixels = new Map<number, Uint8Array>();
    for (const [i, frame] of shown.entries())
      if (wanted.has(stamps[i])) pixels.set(stamps[i], await rgbOf(frame, size));
    return pixels;
  } finally {
    for (const frame of shown) frame.close();
  }
}

interface Decoding {
  decoder: VideoDecoder;
  /** What it has given since they were last taken. */
  frames: VideoFrame[];
  error?: Error;
}

/** Opens a decoder of a file's video. */
async function openDecoder(config: VideoDecoderConfig): Promise<Decoding> {
  const { VideoDecoder } = await loadWebcodecs();
  const frames: VideoFrame[] = [];
  const decoding: Decoding = {
    frames,
    decoder: new VideoDecoder({
      output: (frame) => frames.push(frame),
      error: (error) => (decoding.error = error),
    }),
  };
  decoding.decoder.configure({ ...config, hardwareAcceleration: 'prefer-software' });
  return decoding;
}

/** Opens an episode's frames at times of the episode, s. */
async function openFrames(
  { path, from }: VideoPlace,
  seconds: readonly number[],
  size: Size,
  decoderOf: (path: string, config: VideoDecoderConfig) => Promise<Decoding>,
) {
  const times = seconds.map((time) => Math.round((from + time) * 1e6));
  const { config, groups } = await packetsOf(path, times[0], times.at(-1)!);
  if (config.codedWidth !== size.width || config.codedHeight !== size.height)
    throw invalid(path, `is ${config.codedWidth}×${config.codedHeight}, and info.json declares ${size.width}×${size.height}`); // prettier-ignore
  const all = groups.flatMap((group) =>
    group.chunks.map(({ timestamp: stamp }) => ({ stamp, group })),
  );
  const targets = times.map((time, k) => {
    const found = all.find(({ stamp }) => Math.abs(stamp - time) <= TOLERANCE);
    if (!found)
      throw invalid(
        path,
        `has no frame at ${(time / 1e6).toFixed(4)} s, ${seconds[k].toFixed(4)} s into the episode; it does not keep step with the data`,
      );
    return found;
  });
  const decoding = await decoderOf(path, config);
  let current: { group: Group; pixels: Map<number, Uint8Array> } | undefined;
  return {
    async pixels(k: number): Promise<Uint8Array> {
      const { stamp, group } = targets[k];
      if (current?.group !== group) {
        const wanted = new Set(
          targets.filter((one) => one.group === group).map((one) => one.stamp),
        );
        current = { group, pixels: await decode(decoding, group, wanted, size) };
      }
      const found = current.pixels.get(stamp);
      if (!found) throw decoding.error ?? new Error(`no frame at ${stamp / 1e6} s`);
      return found;
    },
  };
}

/** Decoders that are kept open, one for each file: episodes of a camera often lie in the same one. */
const MOST_DECODERS = 8;

/** Reads pictures of episodes from video files: H.264, AV1 and what else the codecs know. */
export function openVideos() {
  const open = new Map<string, Decoding>();
  /** A file's decoder serves one read at a time, also of an episode that was given up for another camera of it. */
  const queues = new Map<string, ReturnType<typeof createQueue>>();

  async function decoderOf(path: string, config: VideoDecoderConfig): Promise<Decoding> {
    const known = open.get(path);
    const decoding = known?.error
      ? await openDecoder(config)
      : (known ?? (await openDecoder(config)));
    open.delete(path);
    open.set(path, decoding);
    const [oldest] = open;
    if (open.size > MOST_DECODERS && open.delete(oldest[0])) oldest[1].decoder.close();
    return decoding;
  }

  return {
    /**
     * A function that gives the pixels, RGB8, of the frame at `seconds[k]` of an episode. It is quickest in the
     * order of `k`, and holds no more than the frames from one key frame to the next.
     */
    frames(place: VideoPlace, seconds: readonly number[], size: Size) {
      let source: ReturnType<typeof openFrames> | undefined;
      const inOrder = queues.get(place.path) ?? createQueue();
      queues.set(place.path, inOrder);
      const failed = (error: unknown) =>
        error instanceof UserError
          ? error
          : new UserError(`${place.path}: is not readable as video: ${messageOf(error)}`, {
              cause: error,
              kind: 'invalid',
              subject: place.path,
            });
      const read = async (k: number): Promise<Uint8Array> => {
        try {
          source ??= openFrames(place, seconds, size, decoderOf);
          return await (await source).pixels(k);
        } catch (error) {
          throw failed(error);
        }
      };
      return (k: number): Promise<Uint8Array> => inOrder(() => read(k));
    },
    close(): void {
      for (const { decoder } of open.values()) decoder.close();
      open.clear();
    },
  };
}

export type Videos = ReturnType<typeof openVideos>;
