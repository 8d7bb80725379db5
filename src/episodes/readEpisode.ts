import sharp from 'sharp';
import { UserError, invalid } from '../errors.ts';
import type { CameraFrame, JointState } from '../robot/robot.ts';
import type { ChunkRecord, EpisodeHeader, EpisodeResult } from './episode.ts';
import { correctedResult, labelsOf } from './labels.ts';
import { METADATA, TOPICS, chunkRecord, chunkTimeline, imageTopic } from './messages.ts';
import { readHeader, readResult } from './metadata.ts';
import { inTimeOrder, readMcap } from './readMcap.ts';
import type { McapContent, StoredMessage } from './readMcap.ts';
import { type ChunkMessage, decode, decodeAs } from './schemas.ts';
import { nanosecondsOf } from './rosTime.ts';

/** A recorded episode. */
export interface Episode {
  path: string;
  header: EpisodeHeader;
  /** As labels correct it; null if the recording was cut off. */
  result: EpisodeResult | null;
  /** As it was recorded; absent where no label changes it. */
  recorded?: EpisodeResult;
  chunks: ChunkRecord[];
  /** Measured, one per control step. */
  joints: JointState[];
  /** Sent, one per control step. */
  commands: JointState[];
  /** The camera's image with this stamp; its pixels are decoded on demand. */
  image(camera: string, stamp: bigint): CameraFrame | undefined;
  /** Descriptions of missing parts; empty if the episode is complete. */
  missing: string[];
}

/** The header of an episode's file. Throws a UserError if it has none. */
export function headerOf(path: string, { metadata, damage, messages }: McapContent): EpisodeHeader {
  const strings = metadata.get(METADATA.header);
  if (strings === undefined && messages.length > 0)
    throw invalid(path, `nothing in this file says that it is an episode of Nalu's${damage ? ` (${damage})` : ''}; its ${messages.length} messages can be read as MCAP, so move it away and keep it`); // prettier-ignore
  if (strings === undefined)
    throw invalid(
      path,
      `no episode in this file${damage ? ` (${damage})` : ''}; remove it or move it away`,
    );
  try {
    return readHeader(strings);
  } catch (error) {
    throw new UserError(
      `${path}: the episode's header is not readable; remove it or move it away`,
      { cause: error, kind: 'invalid', subject: path },
    );
  }
}

/** How an episode ended; null if the file has no readable result. */
export function resultOf({ metadata }: McapContent): EpisodeResult | null {
  const strings = metadata.get(METADATA.result);
  try {
    return strings ? readResult(strings) : null;
  } catch {
    return null;
  }
}

function frameOf(camera: string, stamp: bigint, png: Uint8Array): CameraFrame {
  // A PNG's width and height stand at bytes 16 and 20, big-endian.
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let pixels: Promise<Uint8Array> | undefined;
  return {
    camera,
    stamp,
    width: view.getUint32(16),
    height: view.getUint32(20),
    pixels: () => (pixels ??= sharp(png).removeAlpha().raw().toBuffer()),
    png,
  };
}

const jointStates = (messages: readonly StoredMessage[]): JointState[] =>
  messages.map(({ data }) => {
    const { header, position } = decode('sensor_msgs/msg/JointState', data);
    return { stamp: nanosecondsOf(header.stamp), position: position.slice() };
  });

/** Number of chunks without an image of their observation, by camera. */
function chunksWithoutImage(chunks: readonly ChunkRecord[], image: Episode['image']) {
  const counts = new Map<string, number>();
  for (const { frameStamps } of chunks)
    for (const [camera, stamp] of Object.entries(frameStamps))
      if (!image(camera, stamp)) counts.set(camera, (counts.get(camera) ?? 0) + 1);
  return counts;
}

/** Reads an episode, complete or not. Throws a `UserError` if the file is not an episode. */
export async function readEpisode(path: string): Promise<Episode> {
  const content = await readMcap(path);
  const header = headerOf(path, content);
  const recorded = resultOf(content);
  const result = recorded && correctedResult(recorded, await labelsOf(path));
  const messages = inTimeOrder(content.messages);
  const on = (wanted: string) => messages.filter(({ channel }) => channel.topic === wanted);

  const timelines = new Map(
    on(TOPICS.chunkTiming).map(({ data }) => {
      const message = decode('nalu_msgs/msg/ChunkTiming', data);
      return [message.index, chunkTimeline(message)];
    }),
  );
  const chunks = on(TOPICS.chunk).map(({ data, channel }): ChunkRecord => {
    const record = chunkRecord(decodeAs<ChunkMessage>(channel.definition, data));
    const timeline = timelines.get(record.index);
    return timeline ? { ...record, timeline } : record;
  });
  const frames = new Map<string, CameraFrame>();
  for (const { name } of header.embodiment.cameras)
    for (const { stamp, data } of on(imageTopic(name))) {
      const png = decode('sensor_msgs/msg/CompressedImage', data).data;
      frames.set(`${name} ${stamp}`, frameOf(name, stamp, png));
    }
  const image = (camera: string, stamp: bigint) => frames.get(`${camera} ${stamp}`);

  const missing: string[] = [];
  if (content.damage) missing.push(content.damage);
  const loss = content.metadata.get(METADATA.recovery)?.get('loss');
  if (loss) missing.push(`it was recovered with a loss: ${loss}`);
  if (!result) missing.push('no result');
  const sampled = on(TOPICS.actionChunk).length;
  if (sampled > chunks.length)
    missing.push(`${sampled - chunks.length} of ${sampled} chunks without a record of their play`);
  for (const [camera, blind] of chunksWithoutImage(chunks, image))
    missing.push(`${blind} of ${chunks.length} chunks without their image of ${camera}`);

  return {
    path,
    header,
    result,
    ...(recorded && recorded !== result && { recorded }),
    chunks,
    joints: jointStates(on(TOPICS.jointStates)),
    commands: jointStates(on(TOPICS.jointCommands)),
    image,
    missing,
  };
}
