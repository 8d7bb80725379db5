import { resolve } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import type { Label } from '../episodes/labels.ts';
import { playedPolicy } from '../episodes/playedPolicy.ts';
import type { Episode } from '../episodes/readEpisode.ts';
import type { JointState } from '../robot/robot.ts';
import type { EpisodeReplay } from './protocol.ts';

/** Pixels of a picture's longer side, at most. */
const MOST_PIXELS = 480;

/** Stamp from which an episode's times count, ns. */
const beginOf = ({ joints, chunks }: Episode) =>
  joints[0]?.stamp ?? chunks[0]?.observationStamp ?? 0n;

const millisecondsSince = (begin: bigint) => (stamp: bigint) => Number(stamp - begin) / 1e6;

/** Positions row after row. */
function rowsOf(states: readonly JointState[], width: number): Float32Array {
  const rows = new Float32Array(states.length * width);
  states.forEach(({ position }, i) => rows.set(position.subarray(0, width), i * width));
  return rows;
}

/** Stamps of a camera's images, in order. */
function stampsOf(episode: Episode, camera: string): bigint[] {
  const stamps = episode.chunks.flatMap(({ frameStamps }) => frameStamps[camera] ?? []);
  const there = [...new Set(stamps)].filter((stamp) => episode.image(camera, stamp));
  return there.sort((a, b) => (a < b ? -1 : 1));
}

/** What a page needs to replay an episode. */
export function replayOf(id: string, episode: Episode, labels: readonly Label[]): EpisodeReplay {
  const { path, header, result, joints, commands, chunks, missing } = episode;
  const { task, prompt, embodiment } = header;
  const played = chunks.findLast(({ executedFrom, executedTo }) => executedTo > executedFrom);
  const timeOf = millisecondsSince(beginOf(episode));
  const timesOf = (stamps: readonly bigint[]) => Float32Array.from(stamps, timeOf);
  const width = embodiment.joints.length;
  return {
    ...{ id, path: resolve(path), task, prompt, missing },
    policy: playedPolicy(header.policy, played?.policyVersion),
    ...(result && { outcome: result.outcome }),
    labels: labels.map(({ at, by, outcome, note }) => ({ at, by, outcome, ...(note !== undefined && { note }) })), // prettier-ignore
    joints: embodiment.joints.map(({ name, kind, lower, upper, velocity }) => ({ name, kind, lower, upper, velocity })), // prettier-ignore
    arms: embodiment.space?.arms ?? [],
    times: timesOf(joints.map(({ stamp }) => stamp)),
    measured: rowsOf(joints, width),
    commandTimes: timesOf(commands.map(({ stamp }) => stamp)),
    commands: rowsOf(commands, width),
    chunks: chunks.map((chunk) => ({
      time: timeOf(chunk.observationStamp),
      index: chunk.index,
      version: chunk.policyVersion,
      from: chunk.executedFrom,
      to: chunk.executedTo,
      delay: chunk.delay,
      horizon: chunk.horizon,
      rows: chunk.actions,
    })),
    cameras: embodiment.cameras
      .map(({ name }) => ({
        name,
        times: timesOf(stampsOf(episode, name)),
      }))
      // One that the policy did not see has no pictures.
      .filter(({ times }) => times.length > 0),
  };
}

/** A camera's newest image at a time, ms, or its first one where there is none yet. Throws a `UserError`. */
export async function pictureAt(
  episode: Episode,
  camera: string,
  time: number,
): Promise<{ time: number; jpeg: Uint8Array }> {
  const timeOf = millisecondsSince(beginOf(episode));
  const stamps = stampsOf(episode, camera);
  const stamp = stamps.findLast((one) => timeOf(one) <= time) ?? stamps[0];
  if (stamp === undefined)
    throw new UserError(`this episode has no image of "${camera}"`, {
      kind: 'missing',
      fields: [camera],
    });
  const { png } = episode.image(camera, stamp)!;
  const jpeg = await sharp(png)
    .resize(MOST_PIXELS, MOST_PIXELS, { fit: 'inside', withoutEnlargement: true })
    .jpeg()
    .toBuffer();
  return { time: timeOf(stamp), jpeg };
}
