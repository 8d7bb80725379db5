import { type IncomingMessage, createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { isSameSecret } from '../secrets.ts';
import { hostIn, listen } from '../tcpPort.ts';
import { closeServer, refuseUpgrade } from '../webSocketServer.ts';
import { MOST_MESSAGE_BYTES } from './protocol.ts';
import { chunksOf } from './received.ts';
import { type Served, serveClient } from './session.ts';

export interface ServerOptions {
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** What clients must bear in their header, if anything. */
  apiKey?: string;
  served: Served;
  /** Called when a client has come or gone. */
  onClient(client: string, event: 'connected' | 'left'): void;
}

export interface PolicyServer {
  /** `ws://HOST:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

/** Why a connection is refused, as an HTTP status line; undefined for one that is not. */
function refusalOf({ headers }: IncomingMessage, apiKey: string | undefined): string | undefined {
  // Only browsers send it: a page on the net is not to reach a server on this machine.
  if (headers.origin !== undefined) return '403 Forbidden';
  if (apiKey === undefined) return undefined;
  const isKnown = isSameSecret(headers.authorization ?? '', `Api-Key ${apiKey}`);
  return isKnown ? undefined : '401 Unauthorized';
}

const clientOf = ({ socket: { remoteAddress = 'a client', remotePort } }: IncomingMessage) =>
  `${hostIn(remoteAddress)}:${remotePort}`;

/**
 * Serves a policy by openpi's websocket protocol, and `/healthz`, until it is closed. Throws a `UserError` if it
 * cannot listen.
 */
export async function startServer(options: ServerOptions): Promise<PolicyServer> {
  const { host, port, apiKey, served } = options;
  const server = createServer((request, response) => {
    if (request.url === '/healthz') return void response.end('OK\n');
    response.writeHead(426, { upgrade: 'websocket' }).end('openpi: connect by websocket\n');
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MOST_MESSAGE_BYTES,
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal = refusalOf(request, apiKey);
    if (refusal !== undefined) {
      served.onProblem(clientOf(request), `refused: ${refusal}`);
      return refuseUpgrade(socket, refusal);
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const name = clientOf(request);
      options.onClient(name, 'connected');
      client.on('close', () => options.onClient(name, 'left'));
      serveClient(client, name, served, chunksOf(socket));
    });
  });
  const address = await listen(server, { host, port, what: 'policy server' });
  return {
    url: `ws://${address}`,
    close: () => closeServer(server, sockets),
  };
}
