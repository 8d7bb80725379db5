import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packagePath } from '../src/files/packagePath.ts';
import { float64Array, uint8Array } from '../src/openpi/ndarray.ts';
import { openRemotePolicy } from '../src/openpi/remotePolicy.ts';
import { encode } from '../src/openpi/wire.ts';
import { ALOHA_CAMERAS } from '../src/robot/aloha.ts';
import type { CameraFrame } from '../src/robot/robot.ts';
import { simulatedEmbodiment } from '../src/sim/embodiment.ts';
import { tinyBundle, writeTinyBundle } from '../test/learning/tiny.ts';
import { type Row, median, percentile } from './row.ts';

const ROUNDS = 300;
/** Requests before those that count. */
const WARM_UP = 100;
const SIDE = 224;
const JOINTS = 14;
/** Requests at each of two servers in turn: those before V8 has compiled what it runs often, and those that count. */
const [COLD, TURNS] = [1000, 1500];
/** Requests between two looks at the processor time. */
const BLOCK = 100;
/** Of a websocket frame's first byte: a ping, a pong or a close. */
const CONTROL = 0x08;
/** Where openpi's server is put. */
const PYTHON_PORT = 18_573;

const picture = (camera: number) =>
  Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, byte) => (byte * (byte + camera)) >> 7);

/** A whole message as a client sends it. */
function clientFrame(payload: Buffer): Buffer {
  const mask = Buffer.from([0x5a, 0xc3, 0x96, 0x3c]);
  const header = Buffer.alloc(10);
  header[0] = 0x82;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, mask, payload.map((byte, i) => byte ^ mask[i % 4])]);
}

/** Bytes of the first whole message from a server in these, header included; undefined if it has not all come. */
function serverFrameLength(bytes: Buffer): number | undefined {
  if (bytes.length < 10) return undefined;
  const short = bytes[1];
  const [header, length] =
    short < 126
      ? [2, short]
      : short === 126
        ? [4, bytes.readUInt16BE(2)]
        : [10, Number(bytes.readBigUInt64BE(2))];
  return bytes.length < header + length ? undefined : header + length;
}

/** A client whose own work is next to none: it sends bytes that are ready, and reads no more of replies than their length. */
async function bareClient(port: number) {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  let wake = () => {};
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    wake();
  });
  const take = async (lengthOf: (bytes: Buffer) => number | undefined) => {
    for (;;) {
      const length = lengthOf(received);
      if (length !== undefined) {
        const [first] = received;
        received = received.subarray(length);
        return first;
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const key = Buffer.alloc(16).toString('base64');
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await take((bytes) => {
    const end = bytes.indexOf('\r\n\r\n');
    return end < 0 ? undefined : end + 4;
  });
  // `{}` of openpi is shorter than a header's longest form.
  await take((bytes) => (bytes.length >= 2 + bytes[1] ? serverFrameLength(bytes) ?? 2 + bytes[1] : undefined)); // prettier-ignore
  return {
    async ask(frame: Buffer): Promise<number> {
      const began = performance.now();
      socket.write(frame);
      // openpi's server pings every 20 s.
      while ((await take(serverFrameLength)) & CONTROL);
      return performance.now() - began;
    },
    close: () => socket.destroy(),
  };
}

/** What openpi's ALOHA clients send. */
const observation = (): Buffer =>
  encode({
    state: float64Array(new Float64Array(JOINTS), [JOINTS]),
    images: Object.fromEntries(
      ALOHA_CAMERAS.map((camera, i) => [camera, uint8Array(picture(i), [3, SIDE, SIDE])]),
    ),
    prompt: 'Transfer cube',
  });

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

/** openpi's server; undefined where Python, its packages or openpi are missing. */
async function startOpenpi(): Promise<ChildProcess | undefined> {
  if (process.env.OPENPI === undefined) return undefined;
  const script = packagePath('bench/openpi_server.py');
  const child = spawn('python3', [script, String(PYTHON_PORT)], { stdio: 'ignore' });
  let ended = false;
  child.on('error', () => (ended = true)).on('exit', () => (ended = true));
  while (!ended) {
    const answer = await fetch(`http://127.0.0.1:${PYTHON_PORT}/healthz`).catch(() => undefined);
    if (answer?.ok) return child;
    await sleep(100);
  }
  return undefined;
}

/** Milliseconds for which a process's threads have run, kernel included; NaN where no Linux says it. */
async function processorTime({ pid }: ChildProcess): Promise<number> {
  const folder = `/proc/${pid}/task`;
  const threads = await readdir(folder).catch(() => []);
  const times = threads.map(async (thread) => {
    // A thread may have ended meanwhile.
    const text = await readFile(join(folder, thread, 'schedstat'), 'utf8').catch(() => '0');
    return Number(text.split(' ')[0]) / 1e6;
  });
  return threads.length === 0 ? NaN : (await Promise.all(times)).reduce((sum, time) => sum + time);
}

/** A server that is asked in turn with another, and what its requests took, ms. */
interface Asked {
  process: ChildProcess;
  client: Awaited<ReturnType<typeof bareClient>>;
  /** What the client waited, of each request. */
  waited: number[];
  /** The server's own processor time a request, of each block. */
  own: number[];
}

async function askInTurn(servers: readonly Asked[]): Promise<void> {
  const frame = clientFrame(observation());
  for (let round = 0; round < COLD; round++)
    for (const { client } of servers) await client.ask(frame);
  for (let round = 0; round < TURNS; round += BLOCK) {
    const before = await Promise.all(servers.map((server) => processorTime(server.process)));
    for (let request = 0; request < BLOCK; request++)
      for (const { client, waited } of servers) waited.push(await client.ask(frame));
    for (const [i, { process, own }] of servers.entries())
      own.push(((await processorTime(process)) - before[i]) / BLOCK);
  }
}

/** A figure of Nalu's server, that of openpi's, and the median of their ratios. */
function beside(
  name: string,
  times: number[],
  others: number[] | undefined,
  target?: number,
): Row[] {
  const own: Row = { name, value: median(times), unit: 'ms' };
  if (!others) return [{ ...own, note: 'no OPENPI, or Python lacks numpy, msgpack or websockets: nothing to compare with' }]; // prettier-ignore
  return [
    own,
    { name: "  openpi's server", value: median(others), unit: 'ms' },
    {
      name: '  of it',
      value: median(times.map((time, i) => time / others[i])),
      ...{ unit: '×', target, better: 'less' },
    },
  ];
}

/** Requests at both servers in turn, their policies doing nothing. */
async function serversAlone(): Promise<Row[]> {
  const asked = async (process: ChildProcess, port: number): Promise<Asked> => ({
    ...{ process, client: await bareClient(port), waited: [], own: [] },
  });
  const own = fork(new URL('./servingMain.js', import.meta.url).pathname);
  const [url] = (await once(own, 'message')) as [string];
  const openpi = await startOpenpi();
  try {
    const nalu = await asked(own, Number(new URL(url).port));
    const other = openpi && (await asked(openpi, PYTHON_PORT));
    const servers = other ? [nalu, other] : [nalu];
    await askInTurn(servers);
    for (const { client } of servers) client.close();
    return [
      ...beside('a request at a server without a policy', nalu.waited, other?.waited),
      ...beside("  the server's processor time of it", nalu.own, other?.own, 0.5),
    ];
  } finally {
    await end(own);
    if (openpi) await end(openpi);
  }
}

/** From frames to a chunk from another process, without the session's own run. */
async function robotAndServer(folder: string): Promise<Row[]> {
  const cli = packagePath('dist/src/cli.js');
  const session = join(folder, 'session.yaml');
  await writeFile(session, 'threads: 1\n');
  const options = ['--port', String(PYTHON_PORT + 1), '--session', session];
  const server = spawn(process.execPath, [cli, 'serve', folder, ...options]);
  try {
    await once(server.stdout, 'data');
    const policy = await openRemotePolicy(`ws://127.0.0.1:${PYTHON_PORT + 1}`, {
      robot: await simulatedEmbodiment(),
    });
    const frames = ALOHA_CAMERAS.map((camera, i): CameraFrame => {
      const pixels = Promise.resolve(picture(i));
      return { camera, stamp: 0n, width: SIDE, height: SIDE, pixels: () => pixels };
    });
    const joints = { stamp: 0n, position: new Float64Array(JOINTS) };
    const times: number[] = [];
    for (let seed = 0; seed < WARM_UP + ROUNDS; seed++) {
      const { timing } = await policy.sample({ joints, frames, prompt: 'Transfer cube' }, { seed });
      if (seed >= WARM_UP) times.push(timing.total - timing.run);
    }
    await policy.close();
    const note = `${frames.length} frames of ${SIDE}×${SIDE}`;
    return [
      { name: 'a chunk from a server, without the run', value: median(times), unit: 'ms', target: 3, better: 'less' }, // prettier-ignore
      { name: '  p99', value: percentile(times, 0.99), unit: 'ms', note },
    ];
  } finally {
    await end(server);
  }
}

/** openpi's protocol, both sides. */
export async function benchServing(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const { architecture } = tinyBundle;
    await writeTinyBundle(folder, 0, {
      ...tinyBundle,
      embodiment: 'aloha',
      cameras: [...ALOHA_CAMERAS],
      architecture: {
        ...{ ...architecture, horizon: 50, stateDim: JOINTS, actionDim: JOINTS },
        vision: { ...architecture.vision, patch: SIDE / 4, imageSize: SIDE },
      },
    });
    return [...(await robotAndServer(folder)), ...(await serversAlone())];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
