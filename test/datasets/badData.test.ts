import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { nalu } from '../cli/nalu.ts';
import { type About, assertAbout, assertSaid } from '../refusals.ts';
import { type ForeignSet, leftOut, linesOf, stubCalibration, writeForeign } from './sets.ts';

const root = await mkdtemp(join(tmpdir(), 'nalu-bad-'));
after(() => rm(root, { recursive: true }));
const calibration = await stubCalibration(root);

const [images, videos] = ['images', 'videos'].map((name) => join(root, name));
await writeForeign(images, { version: 'v3.0', kind: 'image' });
await writeForeign(videos, { version: 'v3.0', kind: 'video' });

const VIDEO = 'videos/observation.images.cam_high/chunk-000/file-000.mp4';
const DATA = 'data/chunk-000/file-000.parquet';

type Info = Record<string, unknown> & { features: Record<string, { shape: number[] }> };

/** Changes what info.json says. */
const inInfo = (change: (info: Info) => void) => async (set: string) => {
  const path = join(set, 'meta/info.json');
  const info = JSON.parse(await readFile(path, 'utf8')) as Info;
  change(info);
  await writeFile(path, JSON.stringify(info));
};

interface Fault {
  what: string;
  of: string;
  break: (set: string) => Promise<unknown>;
  /** What it is told about. */
  about: About;
}

/** Faults of a whole data set: nothing is written. */
const REFUSED: Fault[] = [
  {
    what: 'a missing video',
    of: videos,
    break: (set) => rm(join(set, VIDEO)),
    about: { kind: 'missing', names: [1, 'observation.images.cam_high/chunk-000/file-000.mp4'] },
  },
  {
    what: 'another number of joints',
    of: images,
    break: inInfo(({ features }) => {
      for (const name of ['observation.state', 'action']) features[name].shape = [3];
    }),
    about: { kind: 'mismatch', names: ['info.json: observation.state', 3, 'stub.yaml', 2] },
  },
  {
    what: 'actions that are no targets of the joints',
    of: images,
    break: inInfo(({ features }) => (features.action.shape = [7])),
    about: { kind: 'invalid', subject: 'info.json', names: ['features.action.shape', '[7]', 'observation.state', '[2]'] }, // prettier-ignore
  },
  {
    what: 'no cameras',
    of: images,
    break: inInfo(({ features }) => delete features['observation.images.cam_high']),
    about: { kind: 'invalid', subject: 'info.json', names: ['features'] },
  },
  {
    what: 'another rate than the robot',
    of: images,
    break: inInfo((info) => (info.fps = 30)),
    about: { kind: 'mismatch', names: ['fps', 30, 'controlRate', 'stub.yaml', 50] },
  },
  {
    what: 'an unknown version',
    of: images,
    break: inInfo((info) => (info.codebase_version = 'v1.6')),
    about: { kind: 'invalid', subject: 'info.json', fields: ['codebase_version'], names: ['2.1', 3] }, // prettier-ignore
  },
  {
    what: 'a number of episodes that is not listed',
    of: images,
    break: inInfo((info) => (info.total_episodes = 5)),
    about: { kind: 'invalid', subject: 'info.json', names: ['total_episodes', 5, 2] },
  },
  {
    what: 'joints of other names',
    of: images,
    break: inInfo(({ features }) => {
      Object.assign(features['observation.state'], { names: ['elbow', 'hand'] });
    }),
    about: { kind: 'invalid', names: ['shoulder', 'elbow, hand'] },
  },
];

/** Faults of some or all episodes, which are left out. */
const LEFT_OUT: (Omit<Fault, 'about'> & { named: string[] })[] = [
  {
    what: 'a feature that no file has',
    of: images,
    break: inInfo(({ features }) => {
      features['observation.effort'] = { ...features.action };
    }),
    named: ['file-000.parquet', 'observation.effort'],
  },
  {
    what: 'a Parquet file without its end',
    of: images,
    break: (set) => truncate(join(set, DATA), 1000),
    named: ['file-000.parquet', 'Parquet'],
  },
  {
    what: 'a video without its end',
    of: videos,
    break: (set) => truncate(join(set, VIDEO), 200),
    named: ['file-000.mp4'],
  },
  {
    what: 'videos of another size',
    of: videos,
    break: inInfo(({ features }) => {
      features['observation.images.cam_high'].shape = [24, 32, 3];
    }),
    named: ['file-000.mp4', '16×12', '32×24'],
  },
];

/** Cells that an episode cannot have. */
const CELLS: { what: string; set: ForeignSet['cells']; named: (string | number)[] }[] = [
  {
    what: 'times out of step',
    set: (cells, episode) => episode === 1 && (cells.timestamp[7] = 0.2),
    named: ['timestamp, row 7 of episode 1', `${Math.fround(0.2)} s`, '0.14 s', 'fps 50'],
  },
  {
    what: 'a null among the joints',
    set: (cells, episode) => episode === 1 && (cells['observation.state'][2] = [null, 0.5]),
    named: ['observation.state, row 2 of episode 1', '2 numbers'],
  },
  {
    what: 'joints in degrees',
    set: (cells, episode) => episode === 1 && (cells.action[4] = [45, 0.5]),
    named: ['action, row 4 of episode 1', 'shoulder', 45, '-1 to 1 (rad)'],
  },
  {
    what: 'a row of another episode',
    set: (cells, episode) => episode === 1 && (cells.episode_index[3] = 9n),
    named: ['episode_index, row 3 of episode 1', 9],
  },
  {
    what: 'a task that is not there',
    set: (cells, episode) => episode === 1 && (cells.task_index[0] = 4n),
    named: ['task_index', 4, '2 tasks'],
  },
  {
    what: 'a picture that is none',
    set: (cells, episode) =>
      episode === 1 &&
      (cells['observation.images.cam_high'][10] = { bytes: Uint8Array.of(1, 2, 3), path: 'x' }),
    named: ['observation.images.cam_high, row 10 of episode 1'],
  },
];

let count = 0;

/** Imports a data set; resolves to what was said, and the names in the folder of episodes. */
async function importInto(set: string) {
  const out = join(root, `out-${count++}`);
  const ended = await nalu(['import-data', set, '--out', out, '--calibration', calibration]);
  return { ...ended, made: (await readdir(out).catch(() => [])).sort() };
}

describe('a damaged data set', () => {
  for (const { what, of, break: damage, about } of REFUSED)
    it(`is refused for ${what}`, async () => {
      const set = join(root, `set-${count++}`);
      await cp(of, set, { recursive: true });
      await damage(set);
      const { code, failure, made } = await importInto(set);
      assert.equal(code, 1);
      assertAbout(failure, about);
      assert.deepEqual(made, []);
    });

  for (const { what, of, break: damage, named } of LEFT_OUT)
    it(`has its episodes named and left out for ${what}`, async () => {
      const set = join(root, `set-${count++}`);
      await cp(of, set, { recursive: true });
      await damage(set);
      const { code, out, failure, made } = await importInto(set);
      assert.equal(code, 1);
      assertSaid(leftOut(out), ...named);
      assertAbout(failure, { kind: 'invalid', subject: set, names: ['2 of its 2 episodes'] });
      assert.deepEqual(made, []);
    });

  for (const { what, set: cells, named } of CELLS)
    it(`loses the one episode with ${what}`, async () => {
      const set = join(root, `cells-${count++}`);
      await writeForeign(set, { version: 'v3.0', kind: 'image', cells });
      const { code, out, failure, made } = await importInto(set);
      assert.equal(code, 1);
      assertSaid(leftOut(out), ...named);
      assertAbout(failure, { kind: 'invalid', subject: set, names: ['1 of its 2 episodes'] });
      assert.equal(made.length, 1);
      assert.match(made[0], /-000000\.mcap$/);
    });

  it('with null among its statistics is read, and the field is named', async () => {
    const set = join(root, 'statistics');
    await cp(images, set, { recursive: true });
    const statistics = { action: { mean: [0, 0], std: [null, 1] } };
    await writeFile(join(set, 'meta/stats.json'), JSON.stringify(statistics));
    const { code, out, made } = await importInto(set);
    assert.equal(code, 0);
    assertSaid(linesOf(out, 'stats.json'), 'action.std');
    assert.equal(made.length, 2);
  });

  it('is none where there is no info.json', async () => {
    const { code, failure } = await importInto(root);
    assert.equal(code, 1);
    assertAbout(failure, { kind: 'missing', subject: root, names: ['meta/info.json'] });
  });
});
