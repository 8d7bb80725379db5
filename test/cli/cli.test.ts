import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import type { ChunkRecord } from '../../src/episodes/episode.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { alohaScene, cubeXml } from '../../src/sim/scene.ts';
import { withFolder } from '../onnx/run.ts';
import { type About, assertSaid } from '../refusals.ts';
import { assertFails, nalu, spawnNalu } from './nalu.ts';

const jsonLines = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A chunk's record but for how long this machine took. */
const untimed = ({ timeline, ...chunk }: ChunkRecord) => {
  const { timing, ...stamps } = timeline!;
  assert.ok(timing.total >= timing.run && timing.run > 0);
  return { ...chunk, ...stamps };
};

/** Resolves once the one recording in a folder has grown so many times: its attempt is in motion. */
async function untilGrown(folder: string, times: number): Promise<void> {
  for (let size = 0, grown = 0; grown < times; await setTimeout(50)) {
    const [file] = await readdir(folder);
    if (file === undefined) continue;
    const now = (await stat(join(folder, file))).size;
    if (now > size) grown += 1;
    size = now;
  }
}

/** Ends reading what a process prints after its first line. */
const unread = ({ stdout }: ChildProcess) => {
  stdout?.once('data', () => stdout.destroy());
};

describe('nalu sim', () => {
  it('prints one JSON object an episode, then a summary, and nothing else', async () => {
    const args = ['sim', '--expert', '--episodes', '2', '--seed', '5', '--json'];
    const { code, out, err } = await nalu(args);
    assert.equal(code, 0);
    assert.equal(err, '');
    const lines = jsonLines(out);
    assert.deepEqual(
      lines.slice(0, 2).map(({ episode, seed }) => ({ episode, seed })),
      [
        { episode: 0, seed: 5 },
        { episode: 1, seed: 6 },
      ],
    );
    assert.deepEqual(Object.keys(lines[0]), [
      'episode',
      'seed',
      'reward',
      'success',
      'steps',
      'starvedSteps',
      'chunks',
      'mendedChunks',
      'refusedChunks',
    ]);
    const summary = lines[2].summary as Record<string, unknown>;
    assert.equal(summary.episodes, 2);
    assert.equal(lines.length, 3);
    assert.deepEqual(
      [lines[0].success, lines[1].success],
      [true, true],
      'the expert does the task',
    );
  });

  it('makes a run again from its seed, to the byte of what it commanded', () =>
    withFolder(async (folder) => {
      const runs = [nalu, spawnNalu].map(async (run, i) => {
        const record = join(folder, String(i));
        const { code, err } = await run(['sim', '--seed', '3', '--record', record]);
        assert.equal(code, 0, err);
        const [listed] = await listEpisodes(record);
        return readEpisode(listed.path);
      });
      const [first, second] = await Promise.all(runs);
      assert.ok(first.chunks.length > 5);
      assert.deepEqual(first.commands, second.commands);
      const [one, other] = [first, second].map(({ chunks }) => chunks.map(untimed));
      assert.deepEqual(one, other);
    }));

  for (const [name, signal] of [
    ['Ctrl-C', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
  ] as const)
    // prettier-ignore
    it(`ends at ${name} in motion with the arms at rest, exit code 130, and the attempt kept as discarded`, () =>
    withFolder(async (folder) => {
      const args = ['sim', '--real-time', '--record', folder];
      const { code, err } = await spawnNalu(args, (child) => {
        void untilGrown(folder, 6).then(() => child.kill(signal));
      });
      assert.equal(code, 130, err);
      const [episode] = await listEpisodes(folder);
      assert.ok(episode.state === 'finished' && episode.result.outcome === 'discarded');
      assert.equal(episode.result.reward, null);
      assert.equal(episode.result.problem, 'stopped by hand');
      const { commands } = await readEpisode(episode.path);
      const [before, last] = commands.slice(-2).map(({ position }) => position);
      const way = last.map((value, joint) => Math.abs(value - before[joint]));
      assert.ok(Math.max(...way) <= 0.04, 'what is left of a move may end at once');
    }));

  it('ends in order and says nothing when nobody reads its output any more', async () => {
    const { code, err } = await spawnNalu(['sim', '--episodes', '50', '--json'], unread);
    assert.equal(code, 141);
    assert.equal(err, '');
  });

  it('goes on without a reader where it records', () =>
    withFolder(async (folder) => {
      const args = ['sim', '--expert', '--episodes', '2', '--record', folder];
      const { code, err } = await spawnNalu(args, unread);
      assert.equal(code, 0);
      assert.equal(err, '');
      assert.equal((await listEpisodes(folder)).length, 2);
    }));

  it(
    'says where its output has no room, and fails',
    { skip: !existsSync('/dev/full') },
    async () => {
      const full = openSync('/dev/full', 'w');
      const { code, err } = await spawnNalu(['sim', '--expert', '--json'], undefined, {
        stdout: full,
      });
      closeSync(full);
      assert.equal(code, 1);
      assertSaid(err.trim());
    },
  );

  it('ends with its message where a part cannot be opened after another', async () => {
    const subject = '/nowhere.yaml';
    await assertFails(['sim', '--success-classifier', subject], { kind: 'missing', subject });
  });

  it('needs no camera for the expert, and shows those that a scene has', () =>
    withFolder(async (folder) => {
      const scene = join(folder, 'scene.xml');
      const cameras = /<camera name="cam_(low|left_wrist|right_wrist)"[^>]*>/g;
      const xml = alohaScene(cubeXml).replace('cam_high', 'top').replace(cameras, '');
      await writeFile(scene, xml);
      const played = await nalu(['sim', '--expert', '--scene', scene, '--json']);
      assert.equal(played.code, 0, played.err);
      assert.equal(jsonLines(played.out)[0].success, true);
      const picture = join(folder, 'cameras.png');
      const shown = await nalu(['sim', '--scene', scene, '--snapshot', picture]);
      assert.equal(shown.out.trim(), `${picture}: top`, shown.err);
      await assertFails(['sim', '--scene', scene], {
        ...{ kind: 'missing', subject: scene, fields: ['cam_high'] },
        names: ['"cam_high"', '"top"'],
      });
    }));

  it('draws what the cameras see', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'scene.png');
      const { code, err } = await nalu(['sim', '--snapshot', file]);
      assert.equal(code, 0, err);
      const { width, height } = await sharp(file).metadata();
      assert.deepEqual([width, height], [1280, 960]);
      const { entropy } = await sharp(await readFile(file)).stats();
      assert.ok(entropy > 2, `a picture of entropy ${entropy} shows next to nothing`);
      await assertFails(['sim', '--snapshot', file, '--seed', '1'], {
        ...{ kind: 'exists', subject: file },
        names: ['--force'],
      });
    }));

  it('writes a picture in the format that its ending names', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'scene.JPG');
      const { code, err } = await nalu(['sim', '--snapshot', file]);
      assert.equal(code, 0, err);
      assert.equal((await sharp(file).metadata()).format, 'jpeg');
      const subject = join(folder, 'scene.bmp');
      await assertFails(['sim', '--snapshot', subject], {
        ...{ kind: 'invalid', subject },
        names: ['.bmp', '.png'],
      });
      assert.deepEqual(await readdir(folder), ['scene.JPG']);
    }));
});

describe('nalu create', () => {
  it('makes the same bundle from the same seed, to the byte', () =>
    withFolder(async (root) => {
      const folders = ['a/small', 'b/small'].map((name) => join(root, name));
      for (const folder of folders) {
        const { code, err } = await nalu(['create', folder, '--seed', '4']);
        assert.equal(code, 0, err);
      }
      for (const file of await readdir(folders[0])) {
        const [first, second] = await Promise.all(
          folders.map((folder) => readFile(join(folder, file))),
        );
        assert.ok(first.equals(second), `${file} differs`);
      }
    }));
});

describe('a command that makes a bundle or its golden numbers', () => {
  it('replaces what is there only where that is asked for, and then all of it', () =>
    withFolder(async (root) => {
      const folder = join(root, 'bundle');
      const note = join(folder, 'README.md');
      assert.equal((await nalu(['create', folder, '--seed', '1'])).code, 0);
      await writeFile(note, 'mine');
      assert.equal((await nalu(['verify', folder, '--write'])).code, 0);
      const files = ['model.safetensors', 'policy.json', 'golden.safetensors'];
      const read = () => Promise.all(files.map((file) => readFile(join(folder, file))));
      const before = await read();
      for (const [args, subject] of [
        [['create', folder, '--seed', '2'], folder],
        [['verify', folder, '--write'], join(folder, 'golden.safetensors')],
      ] as const) {
        await assertFails(args, { kind: 'exists', subject, names: ['--force'] });
        assert.deepEqual(await read(), before);
      }
      assert.equal((await nalu(['verify', folder, '--write', '--force'])).code, 0);
      assert.equal((await nalu(['create', folder, '--seed', '2', '--force'])).code, 0);
      assert.equal((await loadBundle(folder)).hasGolden, false);
      assert.equal(await readFile(note, 'utf8'), 'mine');
      assert.notDeepEqual(await readFile(join(folder, files[0])), before[0]);
    }));

  it('takes no checkpoint for a bundle, whatever it is told', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, 'weights of months');
      await assertFails(['create', folder, '--force'], { kind: 'exists', subject: path });
      assert.equal(await readFile(path, 'utf8'), 'weights of months');
    }));
});

describe('the shipped policy', () => {
  it('does the task', async () => {
    const { code, out } = await nalu(['sim', '--episodes', '3', '--seed', '2', '--json']);
    assert.equal(code, 0);
    const { summary } = jsonLines(out).at(-1) as { summary: { successes: number } };
    assert.ok(summary.successes >= 1, 'three attempts and not one success');
  });
});

describe('nalu tells what is wrong', () => {
  const faults: Record<string, { args: string[]; about: About }> = {
    'a policy that is not there': {
      args: ['sim', '--policy', '/nowhere'],
      about: { kind: 'missing', subject: '/nowhere/policy.json' },
    },
    'a solver with calls that do not fit it': {
      args: ['sim', '--steps', '3', '--solver', 'midpoint'],
      about: { kind: 'invalid', fields: ['steps'], names: [3, 'midpoint', 4] },
    },
    'flow times that do not reach the action': {
      args: ['sim', '--steps', '2', '--times', '1,0.5,0.1'],
      about: { kind: 'invalid', fields: ['times'], names: [1, 0] },
    },
    'a scene that is not there': {
      args: ['sim', '--scene', '/nowhere.xml'],
      about: { kind: 'missing', subject: '/nowhere.xml' },
    },
    'a folder that cannot be written': {
      args: ['sim', '--record', '/dev/null/episodes'],
      about: { kind: 'invalid', subject: '/dev/null/episodes' },
    },
    'a file that is no unfinished episode': {
      args: ['recover', '/etc/hostname'],
      about: { kind: 'invalid', subject: '/etc/hostname', names: ['.mcap.partial'] },
    },
  };
  for (const [name, { args, about }] of Object.entries(faults))
    it(name, async () => {
      await assertFails(args, about);
    });

  it('as a process too, without a stack', async () => {
    for (const [args, name] of [
      [['sim', '--policy', '/nowhere'], '/nowhere/policy.json'],
      [['sim', '--fast'], "'--fast'"],
    ] as const) {
      const { code, err } = await spawnNalu([...args]);
      assert.equal(code, 1);
      assertSaid(err.replace(/^nalu: /, '').trim(), name);
    }
  });
});
