import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { setImmediate } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { listen } from '../tcpPort.ts';
import { closeServer, refuseUpgrade } from '../webSocketServer.ts';
import { type Access, demandSafe, refusalOf, roleOf } from './access.ts';
import { type Downloads, sendFile } from './downloads.ts';
import { type Hub, type HubOptions, createHub } from './hub.ts';
import { talk } from './page.ts';
import { HEADERS, answer as answerStatic, loadPage } from './staticFiles.ts';

/** Bytes of the largest message that a page may send. */
const MOST_MESSAGE_BYTES = 64 * 1024;
/** Pages at a time. */
const MOST_PAGES = 16;

export interface ServerOptions extends HubOptions {
  access: Access;
  downloads: Pick<Downloads, 'find'>;
  /** 0 picks a free port. */
  port: number;
}

export interface ConsoleServer extends Pick<Hub, 'publish' | 'picture'> {
  /** `http://HOST:PORT/` */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the page's files, and those that a page was offered. */
async function serveFiles({ access, downloads }: ServerOptions): Promise<Server> {
  const files = await loadPage();
  const server = access.tls ? createTlsServer(access.tls) : createServer();
  server.on('request', (request, response) => {
    const refusal = refusalOf(request, access);
    if (refusal) return void response.writeHead(Number(refusal.slice(0, 3))).end(`${refusal}\n`);
    const offered = request.method === 'GET' && downloads.find(request.url ?? '');
    if (offered) sendFile(offered, HEADERS, response).catch(() => response.destroy());
    else answerStatic(files, request, response);
  });
  return server;
}

/** Lets pages connect to the hub at /live. */
function connectPages(server: Server, hub: Hub, access: Access): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES });
  const whyNot = (request: IncomingMessage) =>
    refusalOf(request, access) ??
    (request.url === '/live' ? undefined : '404 Not Found') ??
    (sockets.clients.size >= MOST_PAGES ? '503 Service Unavailable' : undefined);
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal = whyNot(request);
    if (refusal) return refuseUpgrade(socket, refusal);
    sockets.handleUpgrade(request, socket, head, (client) =>
      talk({
        socket: client,
        id: randomUUID(),
        roleOf: (token) => roleOf(access, token),
        onOpen: (page) => hub.opened(page),
        onClose: (page) => hub.closed(page),
        onSilence: (page, isSilent) => hub.silent(page, isSilent),
        answer: (page, request, args) => hub.answer(page, request, args),
      }),
    );
  });
  return sockets;
}

/** Serves the page and what it shows until it is closed. Throws a `UserError` where it cannot listen. */
export async function startConsoleServer(options: ServerOptions): Promise<ConsoleServer> {
  const { access, port } = options;
  demandSafe(access);
  const server = await serveFiles(options);
  const hub = createHub(options);
  const sockets = connectPages(server, hub, access);
  const address = await listen(server, { host: access.host, port, what: 'console' });
  return {
    url: `${access.tls ? 'https' : 'http'}://${address}/`,
    publish: (topic, value) => hub.publish(topic, value),
    picture: (picture) => hub.picture(picture),
    async close() {
      // Answers of the runtime that came in the same moment are passed on first.
      await setImmediate();
      await closeServer(server, sockets);
    },
  };
}
