import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import type { Outcome } from '../../src/episodes/episode.ts';
import { labelEpisode } from '../../src/episodes/labels.ts';
import { openParquet } from '../../src/datasets/parquet.ts';
import { vectorStatistics } from '../../src/datasets/lerobot/statistics.ts';
import { nalu } from '../cli/nalu.ts';
import { assertAbout, assertSaid } from '../refusals.ts';
import { STUB_ROWS, assertSameMotion, episodesIn, leftOut, linesOf, meanDifference, recordStubs } from './sets.ts'; // prettier-ignore

const root = await mkdtemp(join(tmpdir(), 'nalu-export-'));
after(() => rm(root, { recursive: true }));
const at = (...parts: string[]) => join(root, ...parts);

const stubs = at('stubs');
await recordStubs(stubs, ['success', 'failure', 'discarded']);

const readJson = async (path: string) =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, never>;

/** Runs a command that must succeed. */
async function run(...args: string[]): Promise<string> {
  const { code, out, err } = await nalu(args);
  assert.equal(code, 0, err);
  return out;
}

/** Rows of a Parquet file, all of it. */
async function rowsIn(path: string) {
  const file = await openParquet(path);
  const rows = await file.read();
  await file.close();
  return rows;
}

describe('a data set of nalu export', () => {
  const set = at('set');

  it('names what it leaves out and has one row for each command', async () => {
    const out = await run('export', stubs, '--out', set);
    assertSaid(leftOut(out), 'stub-2.mcap');
    assertSaid(linesOf(out, 'rows'), '2 of 3 episodes', `${2 * STUB_ROWS} rows`);
    const rows = await rowsIn(join(set, 'data/chunk-000/file-000.parquet'));
    assert.deepEqual(
      rows.map(({ index }) => index),
      Array.from({ length: 2 * STUB_ROWS }, (_, i) => BigInt(i)),
    );
    assert.deepEqual(
      rows.map(({ timestamp }) => timestamp),
      rows.map((_, i) => Math.fround((i % STUB_ROWS) / 50)),
    );
  });

  it('takes outcomes as labels correct them', async () => {
    const labelled = at('labelled');
    await recordStubs(labelled, ['failure', 'success', 'success']);
    const label = (i: number, outcome: Outcome) =>
      labelEpisode(join(labelled, `stub-${i}.mcap`), { by: 'Ada', outcome });
    await label(0, 'success');
    await label(1, 'failure');
    await label(2, 'discarded');
    const out = await run('export', labelled, '--out', at('relabelled'));
    assertSaid(leftOut(out), 'stub-2.mcap');
    const rows = await rowsIn(at('relabelled/data/chunk-000/file-000.parquet'));
    const ends = rows.filter((row) => row['next.done']);
    assert.deepEqual(
      ends.map((row) => [row['next.success'], row['next.reward']]),
      [
        [true, 1],
        [false, 0],
      ],
    );
  });

  it('declares every column in info.json, with the shapes that lerobot takes', async () => {
    const info = await readJson(join(set, 'meta/info.json'));
    const { features, ...rest } = info as unknown as {
      features: Record<string, { dtype: string; shape: number[] }>;
    };
    assert.deepEqual(rest, {
      codebase_version: 'v3.0',
      robot_type: 'stub',
      total_episodes: 2,
      total_frames: 2 * STUB_ROWS,
      total_tasks: 1,
      chunks_size: 1000,
      data_files_size_in_mb: 100,
      video_files_size_in_mb: 32,
      fps: 50,
      splits: { train: '0:2' },
      data_path: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
      video_path: null,
    });
    const file = await openParquet(join(set, 'data/chunk-000/file-000.parquet'));
    await file.close();
    assert.deepEqual(Object.keys(features), file.columns);
    assert.ok(Object.values(features).every(({ shape }) => shape.length > 0));
    assert.deepEqual(features['observation.images.cam_high'].shape, [12, 16, 3]);
    const inputs = Object.keys(features).filter((name) => /^(observation|action)/.test(name));
    assert.deepEqual(
      inputs,
      ['observation.state', 'action', 'observation.images.cam_high'],
      'lerobot takes every feature of these beginnings for an input or output of a policy',
    );
  });

  it('types columns by their features, whatever their values', async () => {
    const path = join(set, 'data/chunk-000/file-000.parquet');
    const { schema, row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
    const typeOf = (name: string) => schema.find((element) => element.name === name)!;
    assert.equal(typeOf('next.reward').type, 'FLOAT', 'although every value is whole');
    assert.equal(typeOf('timestamp').type, 'FLOAT');
    assert.equal(typeOf('next.success').type, 'BOOLEAN');
    for (const name of ['index', 'frame_index', 'episode_index', 'task_index', 'stamp.joints'])
      assert.equal(typeOf(name).type, 'INT64', name);
    assert.equal(typeOf('observation.state').converted_type, 'LIST');
    assert.equal(row_groups.length, 2, 'a row group an episode');
  });

  it('keeps tasks by their row, in an index that pandas reads', async () => {
    const path = join(set, 'meta/tasks.parquet');
    assert.deepEqual(await rowsIn(path), [{ task_index: 0n, task: 'reach out' }]);
    const { key_value_metadata } = await parquetMetadataAsync(await asyncBufferFromFile(path));
    const pandas = key_value_metadata?.find(({ key }) => key === 'pandas')?.value;
    assert.deepEqual((JSON.parse(pandas!) as { index_columns: string[] }).index_columns, ['task']);
  });

  it('says in the rows how an episode ended', async () => {
    const rows = await rowsIn(join(set, 'data/chunk-000/file-000.parquet'));
    const last = [STUB_ROWS - 1, 2 * STUB_ROWS - 1];
    assert.deepEqual(
      rows.flatMap((row, i) => (row['next.done'] ? [i] : [])),
      last,
    );
    assert.deepEqual(
      last.map((i) => [rows[i]['next.success'], rows[i]['next.reward'], rows[i].policy_version]),
      [
        [true, 1, 'v1'],
        [false, 0, 'v1'],
      ],
    );
  });

  it('has statistics with quantiles of every feature but texts', async () => {
    const statistics = (await readJson(join(set, 'meta/stats.json'))) as unknown as Record<
      string,
      Record<string, unknown[]>
    >;
    const names = ['count', 'max', 'mean', 'min', 'q01', 'q10', 'q50', 'q90', 'q99', 'std'];
    for (const [feature, of] of Object.entries(statistics))
      assert.deepEqual(Object.keys(of).sort(), names, feature);
    assert.equal(statistics['observation.state'].q99.length, 2);
    assert.equal(
      JSON.stringify(statistics['observation.images.cam_high'].mean).match(/\[\[/g)?.length,
      3,
    );
    assert.deepEqual(statistics.timestamp.count, [2 * STUB_ROWS]);
    assert.ok(!('policy_version' in statistics));
  });

  it('replaces nothing', async () => {
    const { code, failure } = await nalu(['export', stubs, '--out', set]);
    assert.equal(code, 1);
    assertAbout(failure, { kind: 'exists', subject: set });
  });

  it('leaves nothing where no episode can be exported', async () => {
    const damaged = at('damaged');
    await mkdir(damaged);
    await writeFile(join(damaged, 'x.mcap'), 'nothing of the kind');
    const { code, failure } = await nalu(['export', damaged, '--out', at('none')]);
    assert.equal(code, 1);
    assertAbout(failure, { kind: 'invalid', subject: damaged, names: ['1 episodes'] });
    assert.ok((await readdir(root)).every((name) => !name.startsWith('none')));
  });

  it('leaves nothing where it is stopped', async () => {
    const stopped = AbortSignal.abort();
    const { code, err } = await nalu(['export', stubs, '--out', at('stopped')], {
      signal: stopped,
    });
    assert.equal(code, 130);
    assertSaid(err.trim());
    assert.ok((await readdir(root)).every((name) => !name.startsWith('stopped')));
  });
});

describe('an episode of the stub robot, to lerobot and back', () => {
  for (const { kind, options, loss } of [
    { kind: 'images', options: [], loss: 0 },
    // Its pictures are noise, of which a video with half the colours keeps little.
    { kind: 'videos', options: ['--video'], loss: 80 },
  ])
    it(`keeps joints, commands, times and chunks' pictures with ${kind}`, async () => {
      const [set, back] = [at(`set-${kind}`), at(`back-${kind}`)];
      await run('export', stubs, '--out', set, ...options);
      await run('import-data', set, '--out', back);
      const [originals, copies] = [await episodesIn(stubs), await episodesIn(back)];
      assert.equal(copies.length, 2);
      for (const [i, copy] of copies.entries()) {
        assertSameMotion(copy, originals[i]);
        assert.deepEqual(copy.header, originals[i].header);
        assert.deepEqual(copy.result, originals[i].result);
        assert.deepEqual(copy.missing, []);
        assert.deepEqual(
          copy.chunks.map((chunk) => [chunk.observationStamp, chunk.frameStamps]),
          originals[i].chunks.map((chunk) => [chunk.observationStamp, chunk.frameStamps]),
        );
        for (const { frameStamps } of copy.chunks) {
          const [a, b] = await Promise.all(
            [copy, originals[i]].map((one) =>
              one.image('cam_high', frameStamps.cam_high)!.pixels(),
            ),
          );
          assert.ok(meanDifference(a, b) <= loss, `${meanDifference(a, b)} of 255`);
        }
      }
    });

  it('stays as it is where it is imported again', async () => {
    const back = at('back-images');
    const before = await Promise.all(
      (await readdir(back)).map((name) => readFile(join(back, name))),
    );
    const out = await run('import-data', at('set-images'), '--out', back);
    assertSaid(linesOf(out, 'already'), '2 episodes');
    const now = await Promise.all((await readdir(back)).map((name) => readFile(join(back, name))));
    assert.deepEqual(now, before);
  });
});

describe('demonstrations of the simulated ALOHA', () => {
  it('are learned from in the same way as they were, and as a data set', async () => {
    const [demos, set, back] = [at('demos'), at('demos-set'), at('demos-back')];
    await run(
      'demos',
      demos,
      '--episodes',
      '1',
      '--seed',
      '7',
      '--every',
      '48',
      '--processes',
      '1',
    );
    await run('export', demos, '--out', set, '--video');
    await run('import-data', set, '--out', back);
    const [[original], [copy]] = [await episodesIn(demos), await episodesIn(back)];
    assertSameMotion(copy, original);
    for (const { frameStamps } of copy.chunks)
      for (const [camera, stamp] of Object.entries(frameStamps)) {
        const [a, b] = await Promise.all(
          [copy, original].map((one) => one.image(camera, stamp)!.pixels()),
        );
        // Halving the resolution of colour alone changes these pictures by up to 2.1.
        assert.ok(meanDifference(a, b) < 4, `${camera}: ${meanDifference(a, b)} of 255`);
      }
    const trained = await run(
      ...['imitate', set, '--out', at('policy'), '--steps', '1', '--batch', '2', '--attempts', '0'],
    );
    assertSaid(linesOf(trained, 'observations'), `${original.chunks.length} observations`, '1 episodes'); // prettier-ignore
  });
});

describe('statistics of a feature', () => {
  it('are those of all rows', () => {
    const statistics = vectorStatistics(2);
    for (let i = 0; i <= 100; i++) statistics.add([i, 100 - i]);
    const { min, max, mean, q01, q50, q99, count, std } = statistics.result();
    assert.deepEqual([min, max, mean, count], [[0, 0], [100, 100], [50, 50], [101]]);
    assert.deepEqual(
      [q01, q50, q99],
      [
        [1, 1],
        [50, 50],
        [99, 99],
      ],
    );
    for (const deviation of std) assert.ok(Math.abs(Number(deviation) - Math.sqrt(850)) < 1e-9);
  });

  it('are those of a sample where there are very many rows', () => {
    const statistics = vectorStatistics(1);
    for (let i = 0; i < 100_000; i++) statistics.add([i / 100_000]);
    const { q10, q90, count } = statistics.result();
    assert.deepEqual(count, [100_000]);
    assert.ok(Math.abs(Number(q10[0]) - 0.1) < 0.01);
    assert.ok(Math.abs(Number(q90[0]) - 0.9) < 0.01);
  });
});
