import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../src/errors.ts';
import { openRemotePolicy } from '../../src/openpi/remotePolicy.ts';
import { float32Array, float64Array, isNdArray } from '../../src/openpi/ndarray.ts';
import type { Wire, WireMap } from '../../src/openpi/wire.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Observation } from '../../src/policy/chunkPolicy.ts';
import { PolicyAway } from '../../src/policy/policyAway.ts';
import { openWorkerPolicy } from '../../src/policy/worker/workerPolicy.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { simulatedEmbodiment } from '../../src/sim/embodiment.ts';
import { nalu } from '../cli/nalu.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { assertAbout, assertRejectsAbout } from '../refusals.ts';
import { type Answer, chunkOf, openpiServer } from './openpiServer.ts';
import { SHIPPED, freePort, serveBundle } from './serving.ts';

const robot = await simulatedEmbodiment();

/** An observation by cameras of 640×480, the left half of each bright. */
function observation(cameras: readonly string[]): Observation {
  const [width, height] = [640, 480];
  const pixels = new Uint8Array(3 * width * height);
  pixels.forEach((_, i) => (pixels[i] = (i / 3) % width < width / 2 ? 200 : 20));
  return {
    joints: { stamp: 0n, position: Float64Array.from(robot.joints, ({ home }) => home) },
    frames: cameras.map((camera) => {
      return { camera, stamp: 0n, width, height, pixels: () => Promise.resolve(pixels) };
    }),
    prompt: 'Transfer cube',
  };
}

/** Closes what a test has opened, the newest first. */
const opened: { close(): Promise<void> }[] = [];
const keep = <T extends { close(): Promise<void> }>(part: T): T => {
  opened.push(part);
  return part;
};
after(async () => {
  for (const part of opened.toReversed()) await part.close();
});

const serverThat = async (answer: Answer, metadata?: Wire) =>
  keep(await openpiServer(answer, metadata));
const policyAt = async (url: string, options = {}) =>
  keep(await openRemotePolicy(url, { robot, ...options }));

describe("a policy on Nalu's server", () => {
  it('gives to the bit the chunks that it gives here, also joined to the one in play', async () => {
    const server = keep(await serveBundle());
    const remote = await policyAt(server.url);
    const bundle = await loadBundle(SHIPPED);
    const local = keep(await openWorkerPolicy(bundle, sessionConfigSchema.parse({})));
    for (const field of ['cameras', 'horizon', 'executeSteps', 'join'] as const)
      assert.deepEqual(remote[field], local[field]);
    const seen = observation(remote.cameras);
    const rows = new Float32Array(10 * 14).fill(0.1);
    for (const [noise, join] of [
      [{ seed: 5 }, undefined],
      ['zero', undefined],
      [{ seed: 6 }, { rows, delay: 2 }],
    ] as const) {
      const [there, here] = [
        await remote.sample(seen, noise, join),
        await local.sample(seen, noise, join),
      ];
      const { timing } = there;
      assert.deepEqual({ ...there, timing: null }, { ...here, timing: null });
      assert.ok(timing.total > timing.run && timing.run > 0);
    }
  });

  it('sees black cameras', async () => {
    const server = keep(await serveBundle());
    const remote = await policyAt(server.url);
    const seen = observation(remote.cameras);
    seen.frames[1].pixels = () => Promise.resolve(new Uint8Array(3 * 640 * 480));
    const { sight } = await remote.sample(seen, 'zero');
    assert.deepEqual(sight, { dark: [remote.cameras[1]], repeated: [] });
  });

  it('fits the robot or is refused', async () => {
    const server = keep(await serveBundle(undefined, { apiKey: 'secret' }));
    const one = { ...robot, joints: robot.joints.slice(0, 7) };
    const subject = server.url;
    await assertRejectsAbout(policyAt(server.url), {
      ...{ kind: 'unsaid', subject, fields: ['--api-key'], names: ['NALU_API_KEY'] },
    });
    const apiKey = 'secret';
    await assertRejectsAbout(policyAt(server.url, { apiKey, robot: one }), {
      ...{ kind: 'mismatch', subject, names: ['14 joints', 7] },
    });
    await assertRejectsAbout(policyAt(server.url, { apiKey, join: 'exact' }), {
      ...{ kind: 'mismatch', subject, fields: ['join'], names: ['approximate', '--join exact'] },
    });
    const remote = await policyAt(server.url, { apiKey, join: 'ensemble', executeSteps: 7 });
    assert.deepEqual([remote.join, remote.executeSteps], ['ensemble', 7]);
  });

  it('drives the simulated robot as it does from here, and is named in the episodes', async () => {
    const server = keep(await serveBundle());
    const folder = await mkdtemp(join(tmpdir(), 'nalu-remote-'));
    const attempt = (...args: string[]) => nalu(['sim', '--json', '--seed', '3', ...args]);
    try {
      const there = await attempt('--policy', server.url, '--record', folder);
      const here = await attempt();
      assert.equal(there.code, 0, there.err);
      const [first] = there.out.split('\n');
      assert.equal(first, here.out.split('\n')[0]);
      const [{ path }] = await listEpisodes(folder);
      const { version } = await loadBundle(SHIPPED);
      const { chunks } = await readEpisode(path);
      for (const { policyVersion, timeline, noise } of chunks) {
        assert.equal(policyVersion, version);
        assert.equal(noise.length, 50 * 14);
        assert.ok(timeline!.timing.total > timeline!.timing.run);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a policy on openpi's server", () => {
  it("is asked as openpi's ALOHA clients do, and tells its rows by its first reply", async () => {
    const server = await serverThat((_, index) => chunkOf(index / 10));
    const remote = await policyAt(server.url);
    assert.equal(server.observations.length, 1);
    const { horizon, executeSteps, join, cameras, embodiment, version } = remote;
    assert.deepEqual([horizon, executeSteps, join], [20, 10, 'swap']);
    assert.deepEqual([embodiment, version], ['aloha', server.url]);
    assert.deepEqual([...cameras].sort(), ['cam_high', 'cam_left_wrist', 'cam_low', 'cam_right_wrist']); // prettier-ignore
    const chunk = await remote.sample(observation(cameras), { seed: 0 });
    assert.deepEqual(chunk.actions, new Float32Array(20 * 14).fill(0.1));
    assert.equal(chunk.noise.length, 0);
    assert.equal(chunk.timing.run, 12.5);
    const asked = server.observations[1];
    assert.deepEqual([...asked.keys()].sort(), ['images', 'prompt', 'state']);
    const image = (asked.get('images') as WireMap).get('cam_high');
    assert.ok(isNdArray(image));
    assert.deepEqual([image.dtype, image.shape], ['|u1', [3, 224, 224]]);
    // 640×480 fits 224×168, with 28 black rows above and below.
    const at = (x: number, y: number) => image.data[y * 224 + x];
    assert.deepEqual([at(50, 27), at(50, 28), at(50, 195), at(50, 196)], [0, 200, 200, 0]);
    assert.equal(at(200, 100), 20);
  });

  it('is given up for rows that cannot be played', async () => {
    const replies: [Wire, (string | number)[]][] = [
      [chunkOf(0, 20, 7), ['[20, 7]', '14 joints']],
      [chunkOf(NaN), ['row 0', 'NaN', 'joint 0']],
      [chunkOf(0, 10), ['10 rows', 20]],
      [{ actions: float32Array(new Float32Array(3), [20, 14]) }, ['12 bytes', '[20, 14]']], // prettier-ignore
      [{ actions: float64Array(new Float64Array(14), [14]) }, ['[14]']],
      [{ rows: [] }, []],
    ];
    const server = await serverThat((_, index) =>
      index === 0 ? chunkOf(0) : replies[index - 1][0],
    );
    const remote = await policyAt(server.url);
    for (const [, names] of replies)
      await assert.rejects(remote.sample(observation(remote.cameras), 'zero'), (error: Error) => {
        assertAbout(error, { kind: 'invalid', names });
        return !(error instanceof PolicyAway);
      });
  });

  it('says what the server says has failed', async () => {
    const server = await serverThat((_, index, socket) => {
      if (index === 0) return chunkOf(0);
      socket.send('Traceback: no such checkpoint');
      socket.close(1011);
      return undefined;
    });
    const remote = await policyAt(server.url);
    await assertRejectsAbout(remote.sample(observation(remote.cameras), 'zero'), {
      ...{ kind: 'unready', subject: server.url, names: ['Traceback: no such checkpoint'] },
    });
  });

  it('is away while the connection is lost, and comes back', async () => {
    const server = await serverThat((_, index, socket) => {
      if (index !== 1) return chunkOf(0.5);
      socket.terminate();
      return undefined;
    });
    const remote = await policyAt(server.url);
    const seen = observation(remote.cameras);
    await assert.rejects(remote.sample(seen, 'zero'), PolicyAway);
    let chunk;
    while (!chunk)
      chunk = await remote.sample(seen, 'zero').catch((error: unknown) => {
        assert.ok(error instanceof PolicyAway);
      });
    assert.equal(chunk.actions[0], 0.5);
  });

  it('is refused where it is not there, or is none', async () => {
    const port = await freePort();
    const nobody = `ws://127.0.0.1:${port}`;
    await assertRejectsAbout(policyAt(nobody), { kind: 'unreachable', subject: nobody });
    for (const subject of ['ws://', `http://127.0.0.1:${port}`])
      await assertRejectsAbout(policyAt(subject), { kind: 'invalid', subject });
    for (const [subject, ...names] of [
      [`127.0.0.1:${port}`, nobody],
      ['http://127.0.0.1', 'ws://HOST:PORT'],
    ]) {
      const { failure } = await nalu(['sim', '--policy', subject]);
      assertAbout(failure, { kind: 'invalid', subject, names });
    }
    const server = await serverThat(() => ({}), 'hello');
    await assertRejectsAbout(policyAt(server.url), { kind: 'invalid' });
    const other = { ...robot, cameras: [{ ...robot.cameras[0], name: 'front' }] };
    const openpi = await serverThat(() => chunkOf(0));
    await assertRejectsAbout(policyAt(openpi.url, { robot: other }), {
      ...{ kind: 'mismatch', subject: openpi.url, names: ['cam_high'] },
    });
    const { failure } = await nalu(['sim', '--policy', openpi.url, '--steps', '2']);
    assertAbout(failure, { kind: 'unsupported', subject: '--steps' });
  });

  it('may be another one after the connection was lost only if it has the same rows', async () => {
    const first = await serverThat(() => chunkOf(0));
    const remote = await policyAt(first.url);
    await first.close();
    const second = keep(await serveBundle(undefined, { port: first.port }));
    assert.equal(second.url, first.url);
    const seen = observation(remote.cameras);
    const end = performance.now() + 5000;
    let problem: unknown;
    const isOther = () => problem instanceof UserError && problem.kind === 'mismatch';
    while (!isOther() && performance.now() < end) {
      problem = await remote.sample(seen, 'zero').catch((error: unknown) => error);
      await setTimeout(20);
    }
    assertAbout(problem, { kind: 'mismatch', subject: second.url, fields: ['cameras'] });
  });
});
