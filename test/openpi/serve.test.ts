import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  float32Array,
  float64Array,
  isNdArray,
  numbersOf,
  uint8Array,
} from '../../src/openpi/ndarray.ts';
import { MOST_MESSAGE_BYTES } from '../../src/openpi/protocol.ts';
import type { Decoded, Wire, WireMap } from '../../src/openpi/wire.ts';
import { HORIZON, writeOnnxPolicy } from '../policy/onnxPolicy.ts';
import { spawnNalu } from '../cli/nalu.ts';
import { assertSaid } from '../refusals.ts';
import {
  type TestServer,
  alohaObservation,
  connectTo,
  freePort,
  image,
  serveBundle,
} from './serving.ts';

const FAILED = 'Internal server error. Traceback included in previous frame.';

const chunkIn = (reply: WireMap): { shape: readonly number[]; rows: Float64Array } => {
  const actions = reply.get('actions');
  assert.ok(isNdArray(actions));
  return { shape: actions.shape, rows: numbersOf(actions, 'actions') };
};

const inside = (reply: WireMap, ...path: string[]): Decoded | undefined =>
  path.reduce<Decoded | undefined>(
    (value, name) => (value as WireMap | undefined)?.get(name),
    reply,
  );

describe('nalu serve', () => {
  let server: TestServer;
  before(async () => {
    server = await serveBundle();
  });
  after(() => server.close());

  /** A client that has read the metadata. */
  const connected = async () => {
    const client = await connectTo(server.url);
    return { ...client, metadata: (await client.next()) as WireMap };
  };

  it("sends its metadata first, then a chunk for each observation, with openpi's timings", async () => {
    const { metadata, ask, socket } = await connected();
    assert.equal(inside(metadata, 'nalu', 'name'), 'aloha-mini');
    assert.equal(inside(metadata, 'nalu', 'horizon'), 50);
    const [first, second] = [await ask(alohaObservation()), await ask(alohaObservation())];
    assert.deepEqual(chunkIn(first).shape, [50, 14]);
    assert.ok(chunkIn(first).rows.every(Number.isFinite));
    assert.equal(typeof inside(first, 'policy_timing', 'infer_ms'), 'number');
    assert.equal(typeof inside(first, 'server_timing', 'infer_ms'), 'number');
    assert.equal(inside(first, 'server_timing', 'prev_total_ms'), undefined);
    assert.equal(typeof inside(second, 'server_timing', 'prev_total_ms'), 'number');
    assert.equal(inside(first, 'nalu', 'version'), inside(metadata, 'nalu', 'version'));
    socket.close();
  });

  it('begins a chunk from the noise that a request gives', async () => {
    const { ask, socket } = await connected();
    const noise = float32Array(new Float32Array(700).fill(0.5), [50, 14]);
    const [a, b, c] = [
      await ask({ ...alohaObservation(), noise }),
      await ask({ ...alohaObservation(), noise }),
      await ask(alohaObservation()),
    ].map((reply) => chunkIn(reply).rows);
    assert.deepEqual(a, b);
    assert.notDeepEqual(a, c);
    socket.close();
  });

  it('answers requests that are sent at once as it does each alone', async () => {
    const { ask, send, next, socket } = await connected();
    const noise = float32Array(new Float32Array(700).fill(0.5), [50, 14]);
    // Large and small by turns: one comes in many chunks, another begins and ends within one.
    const requests = [224, 8, 224, 8].map((side, i) => {
      const value = image(side, 60 * i);
      const images = { cam_high: value, cam_left_wrist: value, cam_right_wrist: value };
      return { ...alohaObservation(), images, noise };
    });
    const alone: Float64Array[] = [];
    for (const request of requests) alone.push(chunkIn(await ask(request)).rows);
    for (const request of requests) send(request);
    for (const rows of alone) assert.deepEqual(chunkIn((await next()) as WireMap).rows, rows);
    assert.notDeepEqual(alone[0], alone[2]);
    socket.close();
  });

  it('answers pings while it samples, and several clients', async () => {
    const clients = await Promise.all([connected(), connected(), connected()]);
    const answered = clients.map(({ ask }) => ask(alohaObservation()));
    let isDone = false;
    const all = Promise.all(answered).then(() => (isDone = true));
    clients[0].socket.ping();
    await once(clients[0].socket, 'pong');
    assert.equal(isDone, false, 'the pong comes before the last chunk');
    await all;
    for (const { socket } of clients) socket.close();
  });

  it('answers /healthz', async () => {
    const answer = await fetch(`${server.url.replace('ws', 'http')}/healthz`);
    assert.deepEqual([answer.status, await answer.text()], [200, 'OK\n']);
  });

  it('says what is wrong in text, closes with 1011, and goes on for the others', async () => {
    const other = await connected();
    const { images, ...blind } = alohaObservation();
    assert.ok(images);
    const wrong: [Wire | Buffer, ...string[]][] = [
      [Buffer.from('rubbish'), '7 bytes'],
      [Buffer.alloc(0), '0 bytes'],
      [{ ...alohaObservation(), state: float32Array(new Float32Array(7), [7]) }, 'state', '[7]'],
      [{ ...alohaObservation(), state: float32Array(new Float32Array(13), [14]) }, 'state', '52 bytes', '[14]'], // prettier-ignore
      [{ ...alohaObservation(), state: { dtype: '|O', shape: [14], data: new Uint8Array(112) } }, 'state', '|O'], // prettier-ignore
      [blind, 'images', 'state, prompt'],
      [{ ...alohaObservation(), prompt: 3 }, 'prompt'],
      [{ state: alohaObservation().state, images }, 'prompt', '--prompt'], // prettier-ignore
      [{ ...alohaObservation(), noise: float32Array(new Float32Array(14), [1, 14]) }, 'noise', '[1, 14]', '[50, 14]'], // prettier-ignore
      [{ ...alohaObservation(), nalu: { join: { rows: float32Array(new Float32Array(13), [1, 13]), delay: 1 } } }, 'nalu.join.rows', '[1, 13]'], // prettier-ignore
    ];
    for (const [message, ...names] of wrong) {
      const client = await connected();
      client.send(message);
      assertSaid((await client.next()) as string, ...names);
      assert.deepEqual(await client.closed, { code: 1011, reason: FAILED });
    }
    const client = await connected();
    client.socket.send('text');
    assertSaid((await client.next()) as string, 'msgpack');
    assert.deepEqual(chunkIn(await other.ask(alohaObservation())).shape, [50, 14]);
    other.socket.close();
  });

  it('goes on after a client that is killed in the middle of a request or of a frame', async () => {
    const other = await connected();
    const killed = await connected();
    killed.send(alohaObservation());
    killed.socket.terminate();
    const cut = await connected();
    // A header that announces 100 bytes, and two of them.
    (cut.socket as unknown as { _socket: { write(data: Buffer): void } })._socket.write(
      Buffer.from([0x82, 0x80 | 100, 1, 2, 3, 4, 5, 6]),
    );
    cut.socket.terminate();
    assert.deepEqual(chunkIn(await other.ask(alohaObservation())).shape, [50, 14]);
    other.socket.close();
  });

  it('refuses a message that is too large, and more requests than it answers', async () => {
    const large = await connected();
    large.socket.on('error', () => undefined);
    large.socket.send(Buffer.alloc(MOST_MESSAGE_BYTES + 1));
    assert.equal((await large.closed).code, 1009);
    const hasty = await connected();
    for (let i = 0; i < 8; i++) hasty.send(alohaObservation());
    assert.equal((await hasty.closed).code, 1013);
  });

  it('refuses pages in a browser', async () => {
    await assert.rejects(connectTo(server.url, { origin: 'https://example.org' }), /403/);
  });

  it('wants its key, where it has one', async () => {
    const locked = await serveBundle(undefined, { apiKey: 'open sesame' });
    try {
      await assert.rejects(connectTo(locked.url), /401/);
      await assert.rejects(connectTo(locked.url, { authorization: 'Api-Key open' }), /401/);
      const client = await connectTo(locked.url, { authorization: 'Api-Key open sesame' });
      assert.ok(await client.next());
      const answer = await fetch(`${locked.url.replace('ws', 'http')}/healthz`);
      assert.equal(answer.status, 200);
      client.socket.close();
    } finally {
      await locked.close();
    }
  });

  it('takes its own prompt for observations without one', async () => {
    const prompted = await serveBundle(undefined, { prompt: 'Transfer cube' });
    try {
      const client = await connectTo(prompted.url);
      await client.next();
      const { prompt, ...mute } = alohaObservation();
      assert.ok(prompt);
      assert.deepEqual(chunkIn(await client.ask(mute)).shape, [50, 14]);
      client.socket.close();
    } finally {
      await prompted.close();
    }
  });

  it("answers openpi's LIBERO clients with their seven numbers, and says where no client fits", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nalu-serve-'));
    const size = { width: 16, height: 16 };
    const [libero, other] = ['libero', 'other'].map((name) => join(folder, name));
    await Promise.all([mkdir(libero), mkdir(other)]);
    await writeOnnxPolicy(libero, { embodiment: 'libero', joints: 8, cameras: ['image', 'wrist_image'], ...size }); // prettier-ignore
    await writeOnnxPolicy(other, { embodiment: 'so101', joints: 6, cameras: ['front'], ...size });
    const servers = [await serveBundle(libero), await serveBundle(other)];
    try {
      const client = await connectTo(servers[0].url);
      assert.equal(inside((await client.next()) as WireMap, 'nalu', 'noise'), undefined);
      const picture = uint8Array(new Uint8Array(224 * 224 * 3), [224, 224, 3]);
      const state = Float64Array.from({ length: 8 }, (_, i) => i / 10);
      const observation = {
        'observation/image': picture,
        'observation/wrist_image': picture,
        'observation/state': float64Array(state, [8]),
        prompt: 'put the bowl on the plate',
      };
      const { shape, rows } = chunkIn(await client.ask(observation));
      assert.deepEqual(shape, [HORIZON, 7]);
      // The policy's rows are its state.
      for (const [i, value] of [...rows.subarray(7, 14)].entries())
        assert.ok(Math.abs(value - state[i]) < 1e-6);
      client.send({ ...observation, noise: float32Array(new Float32Array(4), [4]) });
      assertSaid((await client.next()) as string, 'noise');
      const asking = await connectTo(servers[0].url);
      await asking.next();
      asking.send({ ...observation, nalu: { features: true } });
      assertSaid((await asking.next()) as string, 'nalu.features');
      assertSaid(servers[1].text().trim(), 'so101');
    } finally {
      for (const one of servers) await one.close();
      await rm(folder, { recursive: true });
    }
  });

  it('says goodbye to its clients when it ends, and waits for none that does not answer', async () => {
    const ending = await serveBundle();
    const client = await connectTo(ending.url);
    const silent = await connectTo(ending.url);
    silent.socket.pause();
    await ending.close();
    assert.equal((await client.closed).code, 1001);
    silent.socket.terminate();
  });

  it('ends in order when it is interrupted, and says where it cannot listen', async () => {
    const { port } = new URL(server.url);
    const taken = await spawnNalu(['serve', '--port', port]);
    assert.equal(taken.code, 1);
    assertSaid(taken.err.trim(), `127.0.0.1:${port}`);
    const ended = await spawnNalu(['serve', '--port', String(await freePort())], (child) =>
      child.stdout!.once('data', () => child.kill('SIGINT')),
    );
    assert.equal(ended.code, 130, ended.err);
    assertSaid(ended.out.trim(), 'ws://127.0.0.1', 'aloha-mini', 'state [14]', 'images cam_high');
  });
});
