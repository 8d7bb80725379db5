import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { float64Array } from '../../src/openpi/ndarray.ts';
import { type Wire, type WireMap, decode, encode } from '../../src/openpi/wire.ts';

/** What a server that is not Nalu's does with a request. */
export type Answer = (observation: WireMap, index: number, socket: WebSocket) => Wire | undefined;

/** A chunk of ALOHA's as openpi's server gives it: every row the same. */
export const chunkOf = (row: number, horizon = 20, joints = 14): Wire => ({
  actions: float64Array(new Float64Array(horizon * joints).fill(row), [horizon, joints]),
  policy_timing: { infer_ms: 12.5 },
  server_timing: { infer_ms: 13 },
});

/** A server as openpi's: metadata that does not know Nalu, and replies as `answer` makes them. */
export async function openpiServer(answer: Answer, metadata: Wire = {}, port = 0) {
  const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false });
  const observations: WireMap[] = [];
  server.on('connection', (socket) => {
    socket.send(encode(metadata));
    socket.on('message', (data: Buffer) => {
      const observation = decode(data);
      const index = observations.push(observation) - 1;
      const reply = answer(observation, index, socket);
      if (reply !== undefined) socket.send(encode(reply));
    });
  });
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${bound}`,
    port: bound,
    observations,
    /** Ends every connection at once. */
    drop: () => server.clients.forEach((socket) => socket.terminate()),
    async close() {
      server.clients.forEach((socket) => socket.terminate());
      await new Promise((closed) => server.close(closed));
    },
  };
}
