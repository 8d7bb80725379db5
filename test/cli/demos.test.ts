import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { alohaScene, cubeXml } from '../../src/sim/scene.ts';
import { withFolder } from '../onnx/run.ts';
import { type About, assertAbout, assertSaid, assertSaidIn } from '../refusals.ts';
import { assertFails, nalu, spawnNalu } from './nalu.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-demos-'));
after(() => rm(folder, { recursive: true }));

const record = (into: string) =>
  nalu(['demos', into, '--episodes', '3', '--seed', '7', '--processes', '2', '--every', '20']);
const NAMES = [7, 8, 9].map((seed) => `transfer-cube-00000${seed}.mcap`);
const writtenAt = (name: string) => stat(join(folder, name)).then(({ mtimeMs }) => mtimeMs);

/** Resolves to the folder's files once there is an unfinished one. */
async function untilRecording(into: string): Promise<string[]> {
  for (;;) {
    const files = await readdir(into).catch(() => []);
    if (files.some((name) => name.endsWith('.partial'))) return files;
    await setTimeout(20);
  }
}

/** The processes that a process started. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const onLinux = { skip: process.platform !== 'linux' && 'it finds the processes in /proc' };
const endless = ['--episodes', '50', '--processes', '2'];

describe('nalu demos', () => {
  it('records the seeds asked for as successes of the expert, over two processes', async () => {
    const { code, out, err } = await record(folder);
    assert.equal(code, 0, err);
    assertSaidIn(out, '3 recorded', '0 of them', '3 of 3 episodes', folder);
    assertSaidIn(out, `npx nalu imitate ${folder} --out DIR`);
    assert.deepEqual((await readdir(folder)).sort(), NAMES);
    for (const [i, name] of NAMES.entries()) {
      const { header, result, missing } = await readEpisode(join(folder, name));
      const { id, task, prompt, seed, policy, embodiment } = header;
      assert.deepEqual(
        { id: `${id}.mcap`, task, prompt, seed, policy },
        {
          id: name,
          task: 'transfer-cube',
          prompt: 'Transfer cube',
          seed: 7 + i,
          policy: 'expert',
        },
      );
      assert.deepEqual(
        embodiment.cameras.map((camera) => camera.name),
        ['cam_high', 'cam_left_wrist', 'cam_right_wrist'],
      );
      assert.equal(result?.outcome, 'success');
      assert.deepEqual(missing, []);
    }
  });

  it('records an observation with its images every so many control steps', async () => {
    const episode = await readEpisode(join(folder, NAMES[0]));
    const { chunks, header } = episode;
    const steps = chunks.map(
      ({ observationStamp }) =>
        Number(observationStamp - chunks[0].observationStamp) *
        (header.embodiment.controlRate / 1e9),
    );
    assert.ok(steps.length > 10);
    assert.deepEqual(
      steps.map(Math.round),
      steps.map((_, chunk) => Math.max(0, 20 * chunk - 2)),
    );
    for (const { frameStamps } of chunks)
      for (const [camera, stamp] of Object.entries(frameStamps))
        assert.ok(episode.image(camera, stamp));
  });

  it('records in a scene with other names, as its mapping says', () =>
    withFolder(async (into) => {
      const scene = join(into, 'scene.xml');
      await writeFile(
        scene,
        alohaScene(cubeXml)
          .replace('"cam_high"', '"top"')
          .replace('"cam_low"', '"angle"')
          .replace('"cam_left_wrist"', '"left_wrist"')
          .replace('"cam_right_wrist"', '"right_wrist"'),
      );
      const demos = join(into, 'demos');
      const options = ['--episodes', '1', '--seed', '7', '--every', '48'];
      const { code, err } = await nalu(['demos', demos, ...options, '--scene', scene]);
      assert.equal(code, 0, err);
      const { header, result } = await readEpisode(join(demos, NAMES[0]));
      assert.deepEqual(
        header.embodiment.cameras.map((camera) => camera.name),
        ['cam_high', 'cam_left_wrist', 'cam_right_wrist'],
      );
      assert.equal(result?.outcome, 'success');
    }));

  it('goes on where it ended: keeps what is there, records anew what was cut off', async () => {
    const before = await Promise.all(NAMES.map(writtenAt));
    await rm(join(folder, NAMES[1]));
    await writeFile(join(folder, `${NAMES[1]}.partial`), 'cut off');
    const { code, out, err } = await record(folder);
    assert.equal(code, 0, err);
    assertSaidIn(out, '2 of 3 episodes', 'already');
    assertSaidIn(out, '1 recorded', '3 of 3 episodes');
    assert.deepEqual((await readdir(folder)).sort(), NAMES);
    const { result } = await readEpisode(join(folder, NAMES[1]));
    assert.equal(result?.outcome, 'success');
    assert.deepEqual(
      await Promise.all([0, 2].map((i) => writtenAt(NAMES[i]))),
      [0, 2].map((i) => before[i]),
    );
  });

  it('leaves an episode alone that another process is recording', () =>
    withFolder(async (into) => {
      const path = join(into, `${NAMES[0]}.partial`);
      const other = await open(path, 'w');
      await other.write('being recorded');
      const { failure } = await record(into);
      assertAbout(failure, { kind: 'unready', subject: path });
      await other.close();
      assert.equal(await readFile(path, 'utf8'), 'being recorded');
    }));

  it('goes on without a reader of what it says', () =>
    withFolder(async (into) => {
      const args = ['demos', into, '--episodes', '2', '--processes', '1', '--every', '20'];
      const { code, err } = await spawnNalu(args, ({ stdout }) => {
        stdout?.once('data', () => stdout.destroy());
      });
      assert.equal(code, 0);
      assert.equal(err, '');
      assert.equal((await readdir(into)).length, 2);
    }));

  it('records nothing where every episode is there', async () => {
    const before = await Promise.all(NAMES.map(writtenAt));
    const { code, out } = await record(folder);
    assert.equal(code, 0);
    assertSaidIn(out, '3 of 3 episodes', 'already');
    assertSaidIn(out, '0 recorded', '3 of 3 episodes');
    assert.deepEqual(await Promise.all(NAMES.map(writtenAt)), before);
  });

  it('ends at a Ctrl-C, which its processes get too, with exit code 130 and no unfinished attempt', () =>
    withFolder(async (into) => {
      const start = (child: { pid?: number }) =>
        void untilRecording(into).then(() => process.kill(-child.pid!, 'SIGINT'));
      const ended = await spawnNalu(['demos', into, ...endless], start, { detached: true });
      const { code, out, err } = ended;
      assert.equal(code, 130, err);
      assertSaid(err.trim());
      const kept = await readdir(into);
      assertSaidIn(out, `${kept.length} recorded`, `${kept.length} of 50 episodes`);
      for (const name of kept) {
        const { result } = await readEpisode(join(into, name));
        assert.equal(result?.outcome, 'success');
      }
    }));

  it('leaves no process and no unfinished attempt behind when it is killed', onLinux, () =>
    withFolder(async (into) => {
      let workers: number[] = [];
      await spawnNalu(['demos', into, ...endless], (child) => {
        void untilRecording(into).then(() => {
          workers = childrenOf(child.pid!);
          child.kill('SIGKILL');
        });
      });
      assert.equal(workers.length, 2);
      while (workers.some(isAlive)) await setTimeout(20);
      assert.deepEqual(
        (await readdir(into)).filter((name) => name.endsWith('.partial')),
        [],
      );
    }),
  );

  it('names the seed at which a process died, and ends the others', onLinux, () =>
    withFolder(async (into) => {
      const { code, err } = await spawnNalu(['demos', into, ...endless], (child) => {
        void untilRecording(into).then(() => process.kill(childrenOf(child.pid!)[0], 'SIGKILL'));
      });
      assert.equal(code, 1);
      assertSaid(err.trim(), 'SIGKILL');
    }),
  );

  const faults: Record<string, { args: string[]; about: About }> = {
    'a folder that cannot be written': {
      args: ['/dev/null/x'],
      about: { kind: 'invalid', subject: '/dev/null/x' },
    },
    'more steps between observations than the expert plans': {
      args: [folder, '--every', '49'],
      about: { kind: 'invalid', subject: '--every', names: [49, 48] },
    },
  };
  for (const [name, { args, about }] of Object.entries(faults))
    it(`tells of ${name}`, async () => {
      await assertFails(['demos', ...args], about);
    });

  it('lets each attempt be on another robot, and refuses an unknown way to differ', () =>
    withFolder(async (into) => {
      const vary = join(into, 'vary.yaml');
      const args = ['demos', join(into, 'demos'), '--episodes', '1', '--seed', '7', '--vary', vary];
      await writeFile(vary, 'cameraTilt: 5\n');
      const { code, err } = await nalu([...args, '--every', '20']);
      assert.equal(code, 0, err);
      const first = async (path: string) => {
        const episode = await readEpisode(path);
        const { frameStamps } = episode.chunks[0];
        return episode.image('cam_high', frameStamps.cam_high)!.pixels();
      };
      const seen = await first(join(into, 'demos', NAMES[0]));
      assert.notDeepEqual(seen, await first(join(folder, NAMES[0])));
      await writeFile(vary, 'cameraTlit: 5\n');
      await assertFails(args, { kind: 'invalid', subject: vary, names: ['cameraTlit'] });
    }));
});
