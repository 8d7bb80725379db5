import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { type Column, createParquet } from '../../src/datasets/parquet.ts';
import { createVideo } from '../../src/datasets/videoEncoder.ts';
import { type Episode, readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import type { EpisodeResult } from '../../src/episodes/episode.ts';
import { embodiment, headerOf, play, success } from '../episodes/recording.ts';

/** Steps of each episode of `recordStubs`. */
export const STUB_ROWS = 15;

/** Records episodes of the stub robot, two joints and a camera of 16×12, with stamps of a robot's clock. */
export async function recordStubs(
  folder: string,
  outcomes: readonly EpisodeResult['outcome'][],
): Promise<void> {
  for (const [i, outcome] of outcomes.entries()) {
    const recorder = await recordEpisode(folder, headerOf(`stub-${i}`));
    await play(recorder, 3);
    const reward = { success: 1, failure: 0, discarded: null }[outcome];
    await recorder.finish({ ...success, outcome, reward, steps: STUB_ROWS });
  }
}

/** The episodes in a folder, by name. */
export async function episodesIn(folder: string): Promise<Episode[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.mcap')).sort();
  return Promise.all(names.map((name) => readEpisode(join(folder, name))));
}

/** Mean absolute difference of two pictures, of 255. */
export function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((sum, byte, i) => sum + Math.abs(byte - b[i]), 0) / a.length;
}

/** Asserts that joints, commands and times of an episode came back, to float32 and the nanosecond. */
export function assertSameMotion(copy: Episode, original: Episode): void {
  for (const kind of ['joints', 'commands'] as const) {
    assert.deepEqual(
      copy[kind].map(({ stamp }) => stamp),
      original[kind].map(({ stamp }) => stamp),
    );
    assert.deepEqual(
      copy[kind].map(({ position }) => [...position]),
      original[kind].map(({ position }) => Array.from(position, Math.fround)),
    );
  }
}

/** Writes a calibration of the stub robot. */
export async function stubCalibration(folder: string, changes: object = {}): Promise<string> {
  const path = join(folder, 'stub.yaml');
  const joint = (name: string, driver: string, kind: string, lower: number) => ({
    ...{ name, arm: 'left', joint: driver, kind, lower, upper: 1, velocity: 5, home: 0 },
  });
  const calibration = {
    name: 'stub',
    controlRate: 50,
    arms: [{ name: 'left', gripper: { closed: 0, open: 1 }, base: [0, 0, 0, 0] }],
    joints: [joint('shoulder', 'shoulder', 'arm', -1), joint('hand', 'gripper', 'gripper', 0)],
    cameras: [
      {
        name: 'cam_high',
        width: 16,
        height: 12,
        topic: '/cam',
        mount: 'fixed',
        exposure: [1, 254],
      },
    ],
    ...changes,
  };
  await writeFile(path, stringify(calibration));
  return path;
}

/** Rows of an episode that no program of Nalu's wrote. */
const FOREIGN_ROWS = 24;

/** Pixels of a smooth picture, which a codec keeps well. */
export function smoothPixels(row: number): Uint8Array {
  const pixels = new Uint8Array(16 * 12 * 3);
  for (let at = 0; at < 16 * 12; at++) pixels.set([row * 8, 255 - row * 8, 128], at * 3);
  return pixels;
}

async function pngOf(row: number): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  return sharp(smoothPixels(row), { raw: { width: 16, height: 12, channels: 3 } })
    .png()
    .toBuffer();
}

export const foreignState = (episode: number, row: number) => [
  Math.fround(row / 50 + episode / 10),
  0.5,
];

const COLUMNS: Column[] = [
  { name: 'observation.state', type: 'float32', list: true },
  { name: 'action', type: 'float32', list: true },
  { name: 'timestamp', type: 'float32' },
  ...['frame_index', 'episode_index', 'index', 'task_index'].map((name): Column => ({
    name,
    type: 'int64',
  })),
];

const FEATURE = 'observation.images.cam_high';

export interface ForeignSet {
  version: 'v2.1' | 'v3.0';
  kind: 'image' | 'video';
  /** Changes an episode's cells before they are written. */
  cells?: (cells: Record<string, unknown[]>, episode: number) => void;
}

/** Rows of an episode by column. */
async function foreignCells(episode: number, kind: ForeignSet['kind']) {
  const rows = Array.from({ length: FOREIGN_ROWS }, (_, row) => row);
  return {
    'observation.state': rows.map((row) => foreignState(episode, row)),
    action: rows.map((row) => foreignState(episode, row + 1)),
    timestamp: rows.map((row) => Math.fround(row / 50)),
    frame_index: rows.map(BigInt),
    episode_index: rows.map(() => BigInt(episode)),
    index: rows.map((row) => BigInt(episode * FOREIGN_ROWS + row)),
    task_index: rows.map(() => BigInt(episode)),
    ...(kind === 'image' && {
      [FEATURE]: await Promise.all(
        rows.map(async (row) => ({ bytes: await pngOf(row), path: `frame_${row}.png` })),
      ),
    }),
  } as Record<string, unknown[]>;
}

async function writeVideo(path: string, episodes: number) {
  await mkdir(dirname(path), { recursive: true });
  const video = await createVideo(path, { width: 16, height: 12 }, 50);
  for (let i = 0; i < episodes * FOREIGN_ROWS; i++) {
    const rgba = new Uint8Array(16 * 12 * 4).fill(255);
    const rgb = smoothPixels(i % FOREIGN_ROWS);
    for (let at = 0; at < 16 * 12; at++) rgba.set(rgb.subarray(at * 3, at * 3 + 3), at * 4);
    await video.add(rgba, i % 2 === 0);
  }
  await video.end();
}

const lines = (objects: object[]) => objects.map((one) => `${JSON.stringify(one)}\n`).join('');

/** Writes a data set of two episodes in lerobot's layout, without anything of Nalu's. */
export async function writeForeign(
  folder: string,
  { version, kind, cells: change }: ForeignSet,
): Promise<void> {
  const isOld = version === 'v2.1';
  const tasks = ['reach out', 'reach back'];
  const columns: Column[] = [
    ...COLUMNS,
    ...(kind === 'image' ? [{ name: FEATURE, type: 'picture' as const }] : []),
  ];
  const data = join(folder, 'data/chunk-000');
  await mkdir(data, { recursive: true });
  await mkdir(join(folder, 'meta/episodes/chunk-000'), { recursive: true });
  const paths = isOld
    ? ['episode_000000.parquet', 'episode_000001.parquet']
    : ['file-000.parquet', 'file-000.parquet'];
  const files = new Map(paths.map((name) => [name, createParquet(join(data, name), columns)]));
  for (const [episode, name] of paths.entries()) {
    const cells = await foreignCells(episode, kind);
    change?.(cells, episode);
    await files.get(name)!.write(cells);
  }
  for (const file of files.values()) await file.end();
  if (kind === 'video' && isOld)
    for (const episode of [0, 1])
      await writeVideo(join(folder, `videos/chunk-000/${FEATURE}/episode_00000${episode}.mp4`), 1);
  if (kind === 'video' && !isOld)
    await writeVideo(join(folder, `videos/${FEATURE}/chunk-000/file-000.mp4`), 2);

  if (isOld) {
    const episodes = tasks.map((task, i) => ({
      episode_index: i,
      tasks: [task],
      length: FOREIGN_ROWS,
    }));
    await writeFile(join(folder, 'meta/episodes.jsonl'), lines(episodes));
    await writeFile(
      join(folder, 'meta/tasks.jsonl'),
      lines(tasks.map((task, i) => ({ task_index: i, task }))),
    );
  } else {
    const numbers = [
      'episode_index',
      'length',
      'data/chunk_index',
      'data/file_index',
      'dataset_from_index',
      'dataset_to_index',
    ];
    const places = ['chunk_index', 'file_index'].map((name) => `videos/${FEATURE}/${name}`);
    const from = `videos/${FEATURE}/from_timestamp`;
    const table = createParquet(join(folder, 'meta/episodes/chunk-000/file-000.parquet'), [
      ...[...numbers, ...places].map((name): Column => ({ name, type: 'int64' })),
      { name: from, type: 'float64' },
    ]);
    const at = (name: string) =>
      [0n, 1n].map((episode) =>
        name === 'episode_index'
          ? episode
          : name === 'length'
            ? BigInt(FOREIGN_ROWS)
            : name === 'dataset_from_index'
              ? episode * BigInt(FOREIGN_ROWS)
              : name === 'dataset_to_index'
                ? (episode + 1n) * BigInt(FOREIGN_ROWS)
                : 0n,
      );
    await table.write({
      ...Object.fromEntries([...numbers, ...places].map((name) => [name, at(name)])),
      [from]: [0, FOREIGN_ROWS / 50],
    });
    await table.end();
    const list = createParquet(join(folder, 'meta/tasks.parquet'), [
      { name: 'task_index', type: 'int64' },
      { name: 'task', type: 'string' },
    ]);
    await list.write({ task_index: [0n, 1n], task: tasks });
    await list.end();
  }
  const vector = { dtype: 'float32', shape: [2], names: { motors: ['shoulder', 'hand'] } };
  const one = (dtype: string) => ({ dtype, shape: [1], names: null });
  const info = {
    codebase_version: version,
    robot_type: 'stub',
    total_episodes: 2,
    total_frames: 2 * FOREIGN_ROWS,
    total_tasks: 2,
    chunks_size: 1000,
    fps: 50,
    splits: { train: '0:2' },
    data_path: isOld
      ? 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet'
      : 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
    video_path: isOld
      ? 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4'
      : 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4',
    features: {
      'observation.state': vector,
      action: vector,
      [FEATURE]: { dtype: kind, shape: [12, 16, 3], names: ['height', 'width', 'channels'] },
      timestamp: one('float32'),
      ...Object.fromEntries(
        ['frame_index', 'episode_index', 'index', 'task_index'].map((name) => [name, one('int64')]),
      ),
    },
  };
  await writeFile(join(folder, 'meta/info.json'), JSON.stringify(info, null, 4));
}

export { FOREIGN_ROWS, embodiment };

/** The lines of what a command printed that have a word. */
export const linesOf = (out: string, word: string) =>
  out
    .split('\n')
    .filter((line) => line.includes(word))
    .join('\n');

/** What a command printed of what it left out. */
export const leftOut = (out: string) => linesOf(out, 'left out ');
