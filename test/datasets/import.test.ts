import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import h5wasm from 'h5wasm/node';
import sharp from 'sharp';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { nalu } from '../cli/nalu.ts';
import { assertAbout, assertSaid } from '../refusals.ts';
import {
  FOREIGN_ROWS,
  type ForeignSet,
  episodesIn,
  foreignState,
  linesOf,
  meanDifference,
  smoothPixels,
  stubCalibration,
  writeForeign,
} from './sets.ts';

const root = await mkdtemp(join(tmpdir(), 'nalu-import-'));
after(() => rm(root, { recursive: true }));
const at = (...parts: string[]) => join(root, ...parts);
const calibration = await stubCalibration(root);

/** Imports a data set with the stub's calibration; resolves to what was printed, with its exit code. */
const importSet = (set: string, out: string, ...more: string[]) =>
  nalu(['import-data', set, '--out', out, '--calibration', calibration, ...more]);

/** Asserts that an episode is one of `writeForeign`, observed every `every` rows. */
async function assertForeign(episode: Episode, number: number, every: number, loss: number) {
  const { joints, commands, chunks, header, result } = episode;
  const rows = Array.from({ length: FOREIGN_ROWS }, (_, row) => row);
  assert.deepEqual(
    joints.map(({ position }) => [...position]),
    rows.map((row) => foreignState(number, row)),
  );
  assert.deepEqual(
    commands.map(({ position }) => [...position]),
    rows.map((row) => foreignState(number, row + 1)),
  );
  assert.deepEqual(
    joints.map(({ stamp }) => stamp - joints[0].stamp),
    rows.map((row) => BigInt(row) * 20_000_000n),
  );
  assert.deepEqual(
    [header.prompt, result?.outcome],
    [['reach out', 'reach back'][number], 'success'],
  );
  const observed = rows.filter((row) => row % every === 0);
  assert.deepEqual(
    chunks.map(({ observationStamp }) => observationStamp),
    observed.map((row) => joints[row].stamp),
  );
  for (const [k, { frameStamps }] of chunks.entries()) {
    const pixels = await episode.image('cam_high', frameStamps.cam_high)!.pixels();
    const difference = meanDifference(pixels, smoothPixels(observed[k]));
    assert.ok(difference <= loss, `row ${observed[k]}: ${difference} of 255`);
  }
}

describe('nalu import-data of a data set that Nalu did not write', () => {
  const sets: (ForeignSet & { loss: number })[] = [
    { version: 'v3.0', kind: 'image', loss: 0 },
    { version: 'v3.0', kind: 'video', loss: 3 },
    { version: 'v2.1', kind: 'image', loss: 0 },
    { version: 'v2.1', kind: 'video', loss: 3 },
  ];
  for (const { version, kind, loss } of sets)
    it(`makes episodes of ${kind}s in version ${version}`, async () => {
      const [set, out] = [at(`${kind}-${version}`), at(`episodes-${kind}-${version}`)];
      await writeForeign(set, { version, kind });
      const { code, out: said, err } = await importSet(set, out, '--every', '5');
      assert.equal(code, 0, err);
      assertSaid(linesOf(said, 'next.success'));
      const episodes = await episodesIn(out);
      assert.equal(episodes.length, 2);
      for (const [i, episode] of episodes.entries()) await assertForeign(episode, i, 5, loss);
    });

  it('asks for the calibration of a robot that the data set does not describe', async () => {
    const { code, failure } = await nalu(['import-data', at('image-v3.0'), '--out', at('none')]);
    assert.equal(code, 1);
    assertAbout(failure, { kind: 'unsaid', subject: 'image-v3.0', fields: ['--calibration'] });
  });

  it('puts joints into the order of the calibration, by their names', async () => {
    const set = at('swapped');
    await writeForeign(set, { version: 'v3.0', kind: 'image' });
    const path = join(set, 'meta/info.json');
    const info = (await readFile(path, 'utf8')).replace(
      /"shoulder",\s*"hand"/g,
      '"hand.pos", "shoulder.pos"',
    );
    await writeFile(path, info);
    const { code, err } = await importSet(set, at('swapped-episodes'));
    assert.equal(code, 0, err);
    const [episode] = await episodesIn(at('swapped-episodes'));
    assert.deepEqual([...episode.joints[3].position], foreignState(0, 3).reverse());
  });

  it('is learned from by nalu imitate without being imported', async () => {
    const { code, out, err } = await nalu([
      ...['imitate', at('video-v3.0'), '--calibration', calibration, '--out', at('policy')],
      ...['--steps', '1', '--batch', '2', '--attempts', '0'],
    ]);
    assert.equal(code, 0, err);
    assertSaid(linesOf(out, 'observations'), '6 observations', '2 episodes');
  });
});

/** Writes an episode in ACT's layout. */
async function writeAct(path: string, { jpeg = false, joints = 2 } = {}) {
  await h5wasm.ready;
  const rows = Array.from({ length: FOREIGN_ROWS }, (_, row) => row);
  const file = new h5wasm.File(path, 'w');
  const vectors = (shift: number) =>
    Float64Array.from(rows.flatMap((row) => foreignState(0, row + shift).slice(0, joints)));
  const shape = [FOREIGN_ROWS, joints];
  file.create_dataset({ name: 'action', data: vectors(1), shape });
  file.create_group('observations');
  file.create_dataset({ name: 'observations/qpos', data: vectors(0), shape });
  file.create_group('observations/images');
  const name = 'observations/images/cam_high';
  if (jpeg) {
    const pictures = await Promise.all(
      rows.map((row) =>
        sharp(smoothPixels(row), { raw: { width: 16, height: 12, channels: 3 } })
          .jpeg({ quality: 95 })
          .toBuffer(),
      ),
    );
    const width = Math.max(...pictures.map(({ length }) => length)) + 8;
    const data = new Uint8Array(FOREIGN_ROWS * width);
    for (const [row, picture] of pictures.entries()) data.set(picture, row * width);
    file.create_dataset({ name, data, shape: [FOREIGN_ROWS, width] });
  } else {
    const data = Uint8Array.from(rows.flatMap((row) => [...smoothPixels(row)]));
    file.create_dataset({ name, data, shape: [FOREIGN_ROWS, 12, 16, 3] });
  }
  file.close();
}

describe("nalu import-data of ACT's HDF5 files", () => {
  for (const { name, jpeg, loss } of [
    { name: 'pictures as they are', jpeg: false, loss: 0 },
    { name: 'pictures as JPEG', jpeg: true, loss: 3 },
  ])
    it(`makes episodes of ${name}, with the task of the folder's name`, async () => {
      const folder = at(jpeg ? 'jpeg' : 'raw', 'reach_out');
      await mkdir(folder, { recursive: true });
      await writeAct(join(folder, 'episode_0.hdf5'), { jpeg });
      const { code, out, err } = await importSet(folder, `${folder}-episodes`);
      assert.equal(code, 0, err);
      assertSaid(linesOf(out, 'task'), '"reach out"');
      const [episode] = await episodesIn(`${folder}-episodes`);
      assert.equal(episode.header.id, 'reach_out-000000');
      await assertForeign(episode, 0, 10, loss);
    });

  it('names files of another layout, and takes the others', async () => {
    const folder = at('mixed');
    await mkdir(folder);
    await writeAct(join(folder, 'episode_0.hdf5'));
    await writeAct(join(folder, 'episode_1.hdf5'), { joints: 1 });
    await writeFile(join(folder, 'episode_2.hdf5'), 'no HDF5 at all');
    const empty = new h5wasm.File(join(folder, 'episode_3.hdf5'), 'w');
    empty.create_group('observations');
    empty.close();
    const { code, out, failure } = await importSet(folder, at('mixed-episodes'));
    assert.equal(code, 1);
    assertSaid(linesOf(out, 'episode_1.hdf5'), '1 joints, cam_high 16×12', '2 joints');
    assertSaid(linesOf(out, 'episode_2.hdf5'), 'HDF5');
    assertSaid(linesOf(out, 'episode_3.hdf5'), '/observations/qpos');
    assertAbout(failure, { kind: 'invalid', subject: folder, names: ['3 of its 4 episodes'] });
    assert.equal((await episodesIn(at('mixed-episodes'))).length, 1);
  });
});
