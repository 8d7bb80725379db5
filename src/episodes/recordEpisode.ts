import { readdir, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { UserError, codeOf } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { makeWithParents } from '../files/makeFolder.ts';
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
  imageTopic,
  jointStateMessage,
  trajectoryMessage,
} from './messages.ts';
import { writeHeader, writeResult } from './metadata.ts';
import { headerAt } from './rosTime.ts';
import { encode } from './schemas.ts';
import { createJobQueue } from './jobQueue.ts';
import { reasonOf } from '../systemErrors.ts';

/** Records an episode while it runs. Only `room` and `finish` wait for the disk. */
export interface EpisodeRecorder {
  readonly id: string;
  /** Why the recording was abandoned; null if it was not. The partial file is kept. */
  readonly problem: UserError | null;
  joints(state: JointState): void;
  /** Positions [joints] that were sent at `stamp`. */
  command(stamp: bigint, positions: Float64Array): void;
  /**
   * A sampled chunk [horizon, joints] and its observation, with the images. `horizon` is said where rows have other
   * numbers than the robot has joints.
   */
  sampled(observation: Observation, actions: Float32Array, horizon?: number): void;
  /** A chunk that will not be played any further. */
  played(record: ChunkRecord): void;
  /** Resolves when the disk has nearly caught up. */
  room(): Promise<void>;
  /** Ends the file, syncs it to disk and gives it its final name. Resolves to its path. */
  finish(result: EpisodeResult): Promise<string>;
}

/** Most waiting jobs; beyond it the disk is considered too slow. */
const MOST_JOBS = 5000;

async function png(frame: CameraFrame): Promise<Uint8Array> {
  if (frame.png) return frame.png;
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
    { cause: error, subject: path },
  );

/** The error of a recording that is complete on disk but could not get its final name. */
const unnamed = (path: string, final: string, error: unknown) =>
  new UserError(
    {
      EEXIST: `${final}: there is an episode of this name already; the recording stays in ${path}`,
      ENOENT: `${path}: it was moved away or removed while it was recorded`,
    }[codeOf(error) ?? ''] ?? failed(path, error).message,
    { cause: error, subject: codeOf(error) === 'EEXIST' ? final : path },
  );

/** Length in bytes at which a file first repeats its header and channels; then at four times that length, and so on. */
const FIRST_REPEAT = 1 << 16;

/** Writes the header and channels. They are repeated, so that the file stays readable if one copy is damaged. */
async function writeHeaderAndChannels(bag: RosbagWriter, head: EpisodeHeader): Promise<void> {
  await bag.metadata(METADATA.header, writeHeader(head));
  await bag.channels();
}

/** The current path of a file that may have been renamed within its folder; `path` if it is not found. */
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

interface OpenedFile {
  sink: Sink;
  bag: RosbagWriter;
}

/** Paths of a recording. */
interface RecordingPlace {
  path: string;
  final: string;
  /** Identity of the file at `path`, to find it if it is renamed. */
  file: Stats | undefined;
}

async function start(path: string, openSink: (path: string) => Promise<Sink>, head: EpisodeHeader) {
  let sink: Sink | undefined;
  try {
    sink = await openSink(path);
    const bag = await startRosbag(sink, channelsOf(head.embodiment));
    await writeHeaderAndChannels(bag, head);
    return { sink, bag };
  } catch (error) {
    await sink?.close().catch(() => undefined);
    if (codeOf(error) === 'EEXIST')
      throw new UserError(`${path}: this episode is being recorded already, or was cut off`, {
        cause: error,
        subject: path,
      });
    throw failed(path, error);
  }
}

/** The file of an episode that is being recorded. */
class EpisodeFile implements EpisodeRecorder {
  problem: UserError | null = null;
  private readonly place: RecordingPlace;
  private readonly head: EpisodeHeader;
  private readonly sink: Sink;
  private readonly bag: RosbagWriter;
  private readonly jointNames: string[];
  /** Stamps of the newest written image, by camera. */
  private readonly images = new Map<string, bigint>();
  private readonly queue = createJobQueue((error) => this.giveUp(error));
  /** Of the last chunk that was executed. */
  private version: string | undefined;
  /** File length in bytes at which the header and channels are repeated next. */
  private repeatAt = BigInt(FIRST_REPEAT);

  constructor(place: RecordingPlace, head: EpisodeHeader, { sink, bag }: OpenedFile) {
    this.place = place;
    this.head = head;
    this.sink = sink;
    this.bag = bag;
    this.jointNames = head.embodiment.joints.map(({ name }) => name);
  }

  get id() {
    return this.head.id;
  }

  joints({ stamp, position }: JointState): void {
    this.positions(TOPICS.jointStates, stamp, position);
  }

  command(stamp: bigint, positions: Float64Array): void {
    this.positions(TOPICS.jointCommands, stamp, positions);
  }

  sampled(
    { joints: { stamp }, frames }: Observation,
    actions: Float32Array,
    horizon = actions.length / this.jointNames.length,
  ): void {
    for (const frame of frames) this.image(frame);
    const { controlRate } = this.head.embodiment;
    const names = this.namesOf(actions.length / horizon);
    this.enqueue(() => {
      const message = trajectoryMessage(stamp, names, controlRate, actions);
      return this.bag.message(
        TOPICS.actionChunk,
        stamp,
        encode('trajectory_msgs/msg/JointTrajectory', message),
      );
    });
  }

  played(record: ChunkRecord): void {
    const { observationStamp: stamp, timeline, executedFrom, executedTo } = record;
    if (executedTo > executedFrom) this.version = record.policyVersion;
    this.enqueue(async () => {
      // The timing is written first: if the file is cut off in between, no chunk record lacks its timing.
      if (timeline) {
        const timing = encode('nalu_msgs/msg/ChunkTiming', chunkTimingMessage(record, timeline));
        await this.bag.message(TOPICS.chunkTiming, stamp, timing);
      }
      const chunk = encode('nalu_msgs/msg/Chunk', chunkMessage(record));
      await this.bag.message(TOPICS.chunk, stamp, chunk);
    });
  }

  room(): Promise<void> {
    return this.queue.room();
  }

  async finish(result: EpisodeResult): Promise<string> {
    this.enqueue(async () => {
      await writeHeaderAndChannels(this.bag, this.head);
      await this.bag.metadata(METADATA.result, writeResult(result, this.version));
      await this.bag.end();
      await this.sink.sync();
    });
    await this.queue.idle();
    await this.sink.close().catch((error: unknown) => this.giveUp(error));
    if (this.problem) throw this.problem;
    const { path, final, file } = this.place;
    try {
      const now = await pathNow(path, file);
      if (now !== final) await publishNew(now, final);
    } catch (error) {
      throw unnamed(path, final, error);
    }
    return final;
  }

  private giveUp(error: unknown): void {
    this.problem ??= failed(this.place.path, error);
  }

  /** Writes after all earlier jobs. Does nothing once the recording is abandoned. */
  private enqueue(write: () => Promise<void>): void {
    if (this.problem) return;
    if (this.queue.length >= MOST_JOBS) {
      this.giveUp(
        new UserError(`the disk is too slow: ${MOST_JOBS} messages wait to be written`, {
          kind: 'unready',
        }),
      );
      return;
    }
    this.queue.add(async () => {
      if (this.problem) return;
      if (this.sink.position() >= this.repeatAt) {
        await writeHeaderAndChannels(this.bag, this.head);
        this.repeatAt = 4n * this.sink.position();
      }
      await write();
    });
  }

  private positions(topic: string, stamp: bigint, values: Float64Array): void {
    const copy = values.slice();
    const names = this.namesOf(copy.length);
    this.enqueue(() => {
      const message = jointStateMessage(stamp, names, copy);
      return this.bag.message(topic, stamp, encode('sensor_msgs/msg/JointState', message));
    });
  }

  /** Names of a vector's numbers: the joints', or numbers where an action is none of the joints' positions. */
  private namesOf(count: number): string[] {
    if (count === this.jointNames.length) return this.jointNames;
    return Array.from({ length: count }, (_, i) => `action_${i + 1}`);
  }

  private image(frame: CameraFrame): void {
    const { camera, stamp } = frame;
    if (this.images.get(camera) === stamp) return;
    this.images.set(camera, stamp);
    const encoded = png(frame);
    encoded.catch(() => undefined);
    this.enqueue(async () => {
      const message = { header: headerAt(stamp, camera), format: 'png', data: await encoded };
      await this.bag.message(
        imageTopic(camera),
        stamp,
        encode('sensor_msgs/msg/CompressedImage', message),
      );
    });
  }
}

/**
 * Starts recording an episode to `folder/ID.mcap.partial`, which becomes `folder/ID.mcap` when it is
 * finished. Throws a `UserError` if the file cannot be created.
 */
export async function recordEpisode(
  folder: string,
  head: EpisodeHeader,
  openSink: (path: string) => Promise<Sink> = (path) => fileSink(path),
): Promise<EpisodeRecorder> {
  const path = partialPath(folder, head.id);
  const final = wholePath(folder, head.id);
  await makeWithParents(folder).catch((error: unknown) => {
    throw failed(folder, error);
  });
  if (await isThere(final))
    throw new UserError(`${final}: there is an episode of this name already; give another id`, {
      kind: 'exists',
      subject: final,
    });
  const opened = await start(path, openSink, head);
  const file = await stat(path).catch(() => undefined);
  return new EpisodeFile({ path, final, file }, head, opened);
}
