import { mkdir, readdir, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { UserError, codeOf } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import type { Observation } from '../policy/chunkPolicy.ts';
import type { CameraFrame, JointState } from '../robot/robot.ts';
import type { ChunkRecord, EpisodeHeader, EpisodeResult } from './episode.ts';
import { partialPath, wholePath } from './files.ts';
import { fileSink, publishNew, startRosbag } from './mcap.ts';
import type { RosbagWriter, Sink } from './mcap.ts';
import {
  METADATA,
  TOPICS,
  channelsOf,
  chunkMessage,
  chunkTimingMessage,
  headerAt,
  imageTopic,
  jointStateMessage,
  trajectoryMessage,
} from './messages.ts';
import { writeHeader, writeResult } from './metadata.ts';
import { encode } from './schemas.ts';
import { reasonOf } from '../systemErrors.ts';

/** Writes an episode as it happens. Nothing but `room` and `finish` waits for the disk. */
export interface EpisodeRecorder {
  readonly id: string;
  /** Why the recording was given up, if it was; what was written stays as a partial file. */
  readonly problem: UserError | null;
  joints(state: JointState): void;
  /** Positions [joints] that were sent at `stamp`. */
  command(stamp: bigint, positions: Float64Array): void;
  /** A chunk [horizon, joints] as sampled, with the images that it was sampled from. */
  sampled(observation: Observation, actions: Float32Array): void;
  /** A chunk that will not be played any further. */
  played(record: ChunkRecord): void;
  /** Resolves when the disk has nearly caught up. */
  room(): Promise<void>;
  /** Ends the file, waits until it is on the disk, gives it its name; resolves to its path. */
  finish(result: EpisodeResult): Promise<string>;
}

/** Jobs that may wait while the robot need not keep time. */
const ROOM = 64;
/** Jobs that may wait at all: beyond it the disk will not catch up. */
const MOST_JOBS = 5000;

async function png(frame: CameraFrame): Promise<Uint8Array> {
  const pixels = await frame.pixels();
  const { width, height } = frame;
  return sharp(Uint8Array.from(pixels), { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 3 })
    .toBuffer();
}

const failed = (path: string, error: unknown) =>
  new UserError(
    codeOf(error) === 'ENOSPC'
      ? `${path}: the disk is full; the recording was given up. Free space and run the attempt again`
      : `${path}: the recording was given up: ${reasonOf(error)}`,
    { cause: error },
  );

/** A recording that is whole on the disk, but not under its name. */
const unnamed = (path: string, final: string, error: unknown) =>
  new UserError(
    {
      EEXIST: `${final}: there is an episode of this name already; the recording stays in ${path}`,
      ENOENT: `${path}: it was moved away or removed while it was recorded`,
    }[codeOf(error) ?? ''] ?? failed(path, error).message,
    { cause: error },
  );

/** Bytes after which a file says again what it is of; then again after four times as many, and so on. */
const FIRST_REPEAT = 1 << 16;

/** Says what a file is of, so that it can be read where one of the places that say so is damaged. */
async function introduce(bag: RosbagWriter, head: EpisodeHeader): Promise<void> {
  await bag.metadata(METADATA.header, writeHeader(head));
  await bag.channels();
}

/** The path that a file has now, which is another if somebody renamed it; the same if it is nowhere here. */
async function pathNow(path: string, file: Stats | undefined): Promise<string> {
  const same = async (other: string) => {
    const { dev, ino } = await stat(other);
    return dev === file?.dev && ino === file.ino;
  };
  const folder = dirname(path);
  const others = (await readdir(folder)).map((name) => join(folder, name));
  for (const other of [path, ...others])
    if (file && (await same(other).catch(() => false))) return other;
  return path;
}

async function start(path: string, openSink: (path: string) => Promise<Sink>, head: EpisodeHeader) {
  let sink: Sink | undefined;
  try {
    sink = await openSink(path);
    const bag = await startRosbag(sink, channelsOf(head.embodiment));
    await introduce(bag, head);
    return { sink, bag };
  } catch (error) {
    await sink?.close().catch(() => undefined);
    if (codeOf(error) === 'EEXIST')
      throw new UserError(`${path}: this episode is being recorded already, or was cut off`, {
        cause: error,
      });
    throw failed(path, error);
  }
}

/** Jobs done one after another, in the background. */
function createQueue(onError: (error: unknown) => void) {
  const jobs: (() => Promise<void>)[] = [];
  let running: Promise<void> | undefined;
  let waiting: (() => void)[] = [];

  const work = async () => {
    for (let job; (job = jobs[0]); jobs.shift()) {
      try {
        await job();
      } catch (error) {
        onError(error);
      }
      if (jobs.length <= ROOM) {
        waiting.forEach((resume) => resume());
        waiting = [];
      }
    }
    running = undefined;
  };

  return {
    get length() {
      return jobs.length;
    },
    add(job: () => Promise<void>) {
      jobs.push(job);
      running ??= Promise.resolve().then(work);
    },
    room: () =>
      jobs.length <= ROOM
        ? Promise.resolve()
        : new Promise<void>((resolve) => waiting.push(resolve)),
    idle: async () => {
      while (running) await running;
    },
  };
}

/**
 * Starts recording an episode to `folder/ID.mcap.partial`, which becomes `folder/ID.mcap` when it is
 * finished. Throws a UserError if the file cannot be made.
 */
export async function recordEpisode(
  folder: string,
  head: EpisodeHeader,
  openSink: (path: string) => Promise<Sink> = (path) => fileSink(path),
): Promise<EpisodeRecorder> {
  const path = partialPath(folder, head.id);
  const final = wholePath(folder, head.id);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw failed(folder, error);
  });
  if (await isThere(final))
    throw new UserError(`${final}: there is an episode of this name already; give another id`);
  const { sink, bag } = await start(path, openSink, head);
  const file = await stat(path).catch(() => undefined);

  const names = head.embodiment.joints.map(({ name }) => name);
  const written = new Map<string, bigint>();
  let problem: UserError | null = null;
  let repeatAt = BigInt(FIRST_REPEAT);

  const giveUp = (error: unknown) => {
    problem ??= failed(path, error);
  };
  const queue = createQueue(giveUp);
  const enqueue = (write: (bag: RosbagWriter) => Promise<void>) => {
    if (problem) return;
    if (queue.length >= MOST_JOBS) {
      giveUp(new Error(`the disk is too slow: ${MOST_JOBS} messages wait to be written`));
      return;
    }
    queue.add(async () => {
      if (problem) return;
      if (sink.position() >= repeatAt) {
        await introduce(bag, head);
        repeatAt = 4n * sink.position();
      }
      await write(bag);
    });
  };

  const positions = (topic: string, stamp: bigint, values: Float64Array) => {
    const copy = values.slice();
    enqueue((bag) =>
      bag.message(
        topic,
        stamp,
        encode('sensor_msgs/msg/JointState', jointStateMessage(stamp, names, copy)),
      ),
    );
  };

  const image = (frame: CameraFrame) => {
    if (written.get(frame.camera) === frame.stamp) return;
    written.set(frame.camera, frame.stamp);
    const encoded = png(frame);
    encoded.catch(() => undefined);
    enqueue(async (bag) =>
      bag.message(
        imageTopic(frame.camera),
        frame.stamp,
        encode('sensor_msgs/msg/CompressedImage', {
          header: headerAt(frame.stamp, frame.camera),
          format: 'png',
          data: await encoded,
        }),
      ),
    );
  };

  return {
    id: head.id,
    get problem() {
      return problem;
    },
    joints: ({ stamp, position }) => positions(TOPICS.jointStates, stamp, position),
    command: (stamp, values) => positions(TOPICS.jointCommands, stamp, values),
    sampled({ joints, frames }, actions) {
      frames.forEach(image);
      enqueue((bag) =>
        bag.message(
          TOPICS.actionChunk,
          joints.stamp,
          encode(
            'trajectory_msgs/msg/JointTrajectory',
            trajectoryMessage(joints.stamp, head.embodiment, actions),
          ),
        ),
      );
    },
    played(record) {
      const { observationStamp: stamp, timeline } = record;
      enqueue(async (bag) => {
        // First, so that no record is without it where the file is cut off between the two.
        if (timeline)
          await bag.message(
            TOPICS.chunkTiming,
            stamp,
            encode('nalu_msgs/msg/ChunkTiming', chunkTimingMessage(record, timeline)),
          );
        await bag.message(TOPICS.chunk, stamp, encode('nalu_msgs/msg/Chunk', chunkMessage(record)));
      });
    },
    room: queue.room,
    async finish(result) {
      enqueue(async (bag) => {
        await introduce(bag, head);
        await bag.metadata(METADATA.result, writeResult(result));
        await bag.end();
        await sink.sync();
      });
      await queue.idle();
      await sink.close().catch(giveUp);
      if (problem) throw problem;
      try {
        const now = await pathNow(path, file);
        if (now !== final) await publishNew(now, final);
      } catch (error) {
        throw unnamed(path, final, error);
      }
      return final;
    },
  };
}
