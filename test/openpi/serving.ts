import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { WebSocket } from 'ws';
import { packagePath } from '../../src/files/packagePath.ts';
import { type NdArray, float64Array, uint8Array } from '../../src/openpi/ndarray.ts';
import { type ServeOptions, servePolicy } from '../../src/openpi/servePolicy.ts';
import { type Wire, type WireMap, decode, encode } from '../../src/openpi/wire.ts';

export const SHIPPED = packagePath('models/aloha-mini');

export interface TestServer {
  url: string;
  /** What it has printed. */
  text(): string;
  close(): Promise<void>;
}

/** Serves a bundle on loopback, at a free port unless one is given. */
export async function serveBundle(
  folder = SHIPPED,
  options: Partial<ServeOptions> = {},
): Promise<TestServer> {
  const end = new AbortController();
  const stream = new PassThrough();
  let text = '';
  let served: Promise<void> | undefined;
  const listening = new Promise<string>((resolve, reject) => {
    stream.on('data', (data: Buffer) => {
      text += data.toString();
      const url = /^(ws:\S+): /m.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
    const all = { host: '127.0.0.1', port: 0, seed: 0, ...options };
    served = servePolicy(folder, all, { out: stream, err: stream, signal: end.signal });
    served.catch(reject);
  });
  return {
    url: await listening,
    text: () => text,
    async close() {
      end.abort();
      await served;
    },
  };
}

/** A port that nothing listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A client that sends what it is told to, bytes or messages. */
export interface TestClient {
  socket: WebSocket;
  /** The next message: text as it is. */
  next: () => Promise<WireMap | string>;
  send: (message: Wire | Buffer) => void;
  ask: (message: Wire) => Promise<WireMap>;
  /** How the connection was closed. */
  closed: Promise<{ code: number; reason: string }>;
}

export async function connectTo(url: string, headers = {}): Promise<TestClient> {
  const socket = new WebSocket(url, { perMessageDeflate: false, headers });
  const arrived: (WireMap | string)[] = [];
  let wake = () => {};
  socket.on('message', (data: Buffer, isBinary) => {
    arrived.push(isBinary ? decode(data) : data.toString());
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      wake();
    }),
  );
  const next = async () => {
    while (arrived.length === 0) {
      if (socket.readyState === WebSocket.CLOSED) throw new Error('the connection is closed');
      await new Promise<void>((resolve) => (wake = resolve));
    }
    return arrived.shift()!;
  };
  const send = (message: Wire | Buffer) =>
    socket.send(Buffer.isBuffer(message) ? message : encode(message));
  await once(socket, 'open');
  return {
    ...{ socket, next, send, closed },
    async ask(message) {
      send(message);
      const reply = await next();
      if (typeof reply === 'string') throw new Error(reply);
      return reply;
    },
  };
}

export const image = (side = 224, value = 100): NdArray =>
  uint8Array(new Uint8Array(3 * side * side).fill(value), [3, side, side]);

/** What openpi's ALOHA clients send. */
export const alohaObservation = (): Record<string, Wire> => ({
  state: float64Array(new Float64Array(14).fill(0.1), [14]),
  images: {
    cam_high: image(),
    cam_low: image(),
    cam_left_wrist: image(),
    cam_right_wrist: image(),
  },
  prompt: 'Transfer cube',
});
