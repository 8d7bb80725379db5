import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { type Episode, readEpisode } from '../../src/episodes/readEpisode.ts';
import {
  float32Array,
  float64Array,
  isNdArray,
  numbersOf,
  uint8Array,
} from '../../src/openpi/ndarray.ts';
import type { Wire, WireMap } from '../../src/openpi/wire.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { importPolicy } from '../../src/policy/families/importers.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { withFolder } from '../onnx/run.ts';
import { SESSION } from '../learning/bandit.ts';
import { writeTinyBundle } from '../learning/tiny.ts';
import { momentsOf, tinyDimensions, writeOpenpi } from '../policy/tinyOpenpi.ts';
import { nalu } from '../cli/nalu.ts';
import { until } from '../link/link.ts';
import { assertSaid } from '../refusals.ts';
import { type TestClient, connectTo, freePort, serveBundle } from './serving.ts';

/** What a client of the tiny policy's robot sees: three joints, two cameras. */
const observation = (brightness: number, prompt = 'go'): Record<string, Wire> => {
  const picture = uint8Array(new Uint8Array(8 * 8 * 3).fill(brightness), [8, 8, 3]);
  return {
    state: float64Array(Float64Array.of(0.1, 0.2, brightness / 255), [3]),
    images: { cam_high: picture, cam_wrist: picture },
    prompt,
  };
};

async function connected(url: string): Promise<TestClient> {
  const client = await connectTo(url);
  await client.next();
  return client;
}

const inside = (reply: WireMap, field: string) => (reply.get('nalu') as WireMap).get(field);

/** Serves a tiny policy that records, for as long as `body` runs; then hands over what was recorded. */
async function recorded(
  body: (url: string, folder: string) => Promise<void>,
  check: (episodes: Episode[], bundle: string) => Promise<void> | void,
): Promise<void> {
  await withFolder(async (root) => {
    const [bundle, record] = [join(root, 'policy'), join(root, 'episodes')];
    await writeTinyBundle(bundle);
    const server = await serveBundle(bundle, { record, execute: 2 });
    try {
      await body(server.url, record);
    } finally {
      await server.close();
    }
    const listed = await listEpisodes(record);
    await check(await Promise.all(listed.map(({ path }) => readEpisode(path))), bundle);
  });
}

describe("a served client's attempts", () => {
  it('are episodes of what it saw and was sent, as many rows as it says played', () => {
    const noise = gaussianNoise([5], 12);
    let name: unknown;
    return recorded(
      async (url) => {
        const client = await connected(url);
        await client.ask({ ...observation(10), noise: float32Array(noise, [4, 3]) });
        await client.ask({ ...observation(20), nalu: { executed: 3 } });
        await client.ask(observation(30));
        const reply = await client.ask({ nalu: { end: 'success', executed: 1 } });
        assert.equal(inside(reply, 'outcome'), 'success');
        name = inside(reply, 'episode');
        client.socket.close();
      },
      async ([episode, ...others], bundle) => {
        assert.equal(others.length, 0);
        const { header, result, chunks, commands, missing } = episode;
        assert.deepEqual(missing, []);
        assert.equal(header.id, name);
        assert.deepEqual([header.embodiment.name, header.prompt], ['tiny', 'go']);
        assert.deepEqual([result?.outcome, result?.reward, result?.steps], ['success', 1, 6]);
        assert.deepEqual(
          chunks.map(({ executedFrom, executedTo }) => [executedFrom, executedTo]),
          [
            [0, 3],
            [0, 2],
            [0, 1],
          ],
        );
        assert.deepEqual(chunks[0].noise, noise);
        const { base } = await loadBundle(bundle);
        assert.ok(chunks.every(({ policyVersion }) => policyVersion === base));
        assert.deepEqual(
          commands.map(({ position }) => [...position]),
          chunks.flatMap(({ actions, executedTo }) =>
            Array.from({ length: executedTo }, (_, row) => [
              ...actions.subarray(3 * row, 3 * row + 3),
            ]),
          ),
        );
        for (const [i, { state, frameStamps }] of chunks.entries()) {
          const brightness = 10 * (i + 1);
          assert.deepEqual([...state], [0.1, 0.2, brightness / 255]);
          const seen = await episode.image('cam_wrist', frameStamps.cam_wrist)!.pixels();
          assert.ok(seen.every((value) => value === brightness));
        }
        // The learner reads the control steps between chunks from their stamps.
        const encoder = await openRolloutEncoder(await loadBundle(bundle), SESSION);
        const rollout = await encoder.encode(episode);
        assert.deepEqual(
          rollout.chunks.map(({ steps, elapsed }) => [steps, elapsed]),
          [
            [3, 0],
            [2, 3],
            [1, 5],
          ],
        );
        await encoder.close();
      },
    );
  });

  it('are discarded where the client leaves, or another task comes, before the end', () =>
    recorded(
      async (url, folder) => {
        const client = await connected(url);
        await client.ask(observation(10));
        await client.ask(observation(10, 'stop'));
        await client.ask({ nalu: { end: 'failure' } });
        await client.ask(observation(10));
        client.socket.close();
        await until(async () => (await readdir(folder)).filter((file) => file.endsWith('.mcap')).length === 3); // prettier-ignore
      },
      (episodes) => {
        const told = episodes.map(({ header, result }) => [header.prompt, result?.outcome, result?.problem]); // prettier-ignore
        assert.deepEqual(told.sort(), [
          ['go', 'discarded', 'another prompt came before the attempt was ended'],
          ['go', 'discarded', 'the client left before the attempt was ended'],
          ['stop', 'failure', undefined],
        ]);
      },
    ));

  it('are kept of several clients at once, and whole where the server ends', () =>
    recorded(
      async (url) => {
        const clients = await Promise.all([connected(url), connected(url)]);
        await Promise.all(clients.map((client, i) => client.ask(observation(10 * (i + 1)))));
        await clients[0].ask({ nalu: { end: 'success' } });
      },
      (episodes) =>
        assert.deepEqual(episodes.map(({ result }) => result?.outcome).sort(), [
          'discarded',
          'success',
        ]),
    ));

  it('come with the features that the learner reads of a prefix, where they are asked for', () => {
    let features: Float32Array | undefined;
    return recorded(
      async (url) => {
        const client = await connectTo(url);
        const count = inside((await client.next()) as WireMap, 'features');
        const asked = await client.ask({ ...observation(10), nalu: { features: true } });
        const told = inside(asked, 'features');
        assert.ok(isNdArray(told));
        assert.deepEqual(told.shape, [count]);
        features = Float32Array.from(numbersOf(told, 'features'));
        assert.equal(inside(await client.ask(observation(20)), 'features'), undefined);
        await client.ask({ nalu: { end: 'success' } });
        client.send({ ...observation(10), nalu: { features: 'all' } });
        assertSaid((await client.next()) as string, 'nalu.features');
      },
      async ([episode], bundle) => {
        const encoder = await openRolloutEncoder(await loadBundle(bundle), SESSION);
        const { pooled } = (await encoder.encode(episode)).chunks[0];
        await encoder.close();
        assert.equal(pooled.length, features!.length);
        pooled.forEach((value, i) => assert.ok(Math.abs(value - features![i]) < 1e-5));
        assert.ok(pooled.some((value) => Math.abs(value) > 1e-3));
      },
    );
  });

  it('may have other actions than joints: LIBERO’s', () =>
    withFolder(async (root) => {
      const [checkpoint, out, record] = ['checkpoint', 'bundle', 'episodes'].map((name) => join(root, name)); // prettier-ignore
      const [state, actions] = [momentsOf(8, 0), momentsOf(7, 0)];
      await writeOpenpi(checkpoint, tinyDimensions('pi0', 10), { asset: 'libero', state, actions });
      await importPolicy(checkpoint, { out, deltaActions: true });
      const server = await serveBundle(out, { record, execute: 5 });
      const client = await connected(server.url);
      const picture = uint8Array(new Uint8Array(16 * 16 * 3), [16, 16, 3]);
      await client.ask({
        'observation/image': picture,
        'observation/wrist_image': picture,
        'observation/state': float64Array(new Float64Array(8).fill(0.25), [8]),
        prompt: 'put the bowl on the plate',
      });
      await client.ask({ nalu: { end: 'success' } });
      await server.close();
      const [{ path }] = await listEpisodes(record);
      const episode = await readEpisode(path);
      assert.equal(episode.header.embodiment.joints.length, 8);
      assert.deepEqual(episode.commands.map(({ position }) => position.length), [7, 7, 7, 7, 7]); // prettier-ignore
      const encoder = await openRolloutEncoder(await loadBundle(out), SESSION);
      const { chunks, reward } = await encoder.encode(episode);
      assert.equal(reward, 1);
      assert.deepEqual([...chunks[0].mask], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
      await encoder.close();
    }));

  it('cannot be ended otherwise, or without a beginning, or at a server that records none', async () => {
    const ends: [Wire, ...string[]][] = [
      [{ nalu: { end: 'won' } }, 'nalu.end', 'success, failure, discarded'],
      [{ nalu: { end: 'success', executed: -1 } }, 'nalu.executed'],
      [{ nalu: { end: 'success' } }, 'nalu.end', 'attempt'],
    ];
    await recorded(
      async (url) => {
        for (const [message, ...names] of ends) {
          const client = await connected(url);
          client.send(message);
          assertSaid((await client.next()) as string, ...names);
        }
      },
      (episodes) => assert.equal(episodes.length, 0),
    );
    await withFolder(async (root) => {
      await writeTinyBundle(root);
      const server = await serveBundle(root);
      const client = await connected(server.url);
      client.send({ nalu: { end: 'success' } });
      assertSaid((await client.next()) as string, 'nalu.end', '--record');
      await server.close();
    });
  });
});

describe('nalu serve with a learner', { timeout: 120_000 }, () => {
  const improves = (method: string, count: number) =>
    withFolder(async (root) => {
      const [bundle, record, folder] = ['policy', 'episodes', 'learning'].map((name) => join(root, name)); // prettier-ignore
      await writeTinyBundle(bundle);
      const end = new AbortController();
      let [told, printed] = ['', ''];
      const learner = nalu(
        ['learn', folder, '--policy', bundle, '--method', method, '--batch', '8', '--json', '--cores', 'shared'],
        { signal: end.signal, onOutput: (text) => (told += text) },
      ); // prettier-ignore
      const eventOf = (event: string) =>
        told
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .find((one) => one.event === event);
      await until(() => eventOf('ready') !== undefined);
      const address = String(eventOf('ready')!.address);
      const server = nalu(
        ['serve', bundle, '--port', String(await freePort()), '--execute', '2', '--record', record, '--learner', address, '--method', method],
        { signal: end.signal, onOutput: (text) => (printed += text) },
      ); // prettier-ignore
      try {
        await until(() => /^ws:\S+: /m.test(printed));
        const client = await connected(/^(ws:\S+): /m.exec(printed)![1]);
        const { base } = await loadBundle(bundle);
        for (let attempt = 0; attempt < count; attempt++) {
          for (const brightness of [40, 80])
            assert.equal(inside(await client.ask(observation(brightness)), 'version'), base);
          await client.ask({ nalu: { end: attempt % 2 === 0 ? 'success' : 'failure' } });
        }
        await until(() => eventOf('published') !== undefined);
        const { version, consumed } = eventOf('published')!;
        assert.equal(consumed, count);
        await until(async () => {
          const reply = await client.ask(observation(40));
          return inside(reply, 'version') === `${base}+${String(version)}`;
        });
        client.socket.close();
      } finally {
        end.abort();
        await Promise.all([server, learner]);
      }
    });

  /** Attempts after which each method has made a version: FPO's first ones teach its critics alone. */
  const attempts = { view: 8, fpo: 16 };
  for (const [method, count] of Object.entries(attempts))
    it(`has nalu learn improve the policy by ${method} from the attempts of its clients`, () => improves(method, count)); // prettier-ignore
});
