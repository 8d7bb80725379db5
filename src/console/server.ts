import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { UserError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';
import { type Access, demandSafe, refusalOf, roleOf } from './access.ts';
import { createCrew } from './crew.ts';
import { type Answered, type Page, talk } from './page.ts';
import type { CameraPicture, RequestName, TopicName, Topics } from './protocol.ts';
import { RULES } from './requests.ts';
import { answer as answerStatic, loadPage } from './staticFiles.ts';
import { pack } from './wire.ts';

/** Bytes of the largest message that a page may send. */
const MOST_MESSAGE_BYTES = 64 * 1024;
/** Pages at a time. */
const MOST_PAGES = 16;

/** Answers of the console's own process, by request. */
export type OwnAnswers = Partial<
  Record<RequestName, (args: never, by: Page) => Promise<Answered> | Answered>
>;

/** Who is at the pages. */
export interface Presence {
  pages: number;
  /** Whether somebody operates. */
  attended: boolean;
  /** Whether the robot depends on a page as its heartbeat. */
  beating: boolean;
}

export interface ServerOptions {
  access: Access;
  /** 0 picks a free port. */
  port: number;
  own: OwnAnswers;
  /** Asks the robot's runtime; throws a `UserError` that says why not. */
  askRuntime: (request: RequestName, args: unknown, by: string) => Promise<Answered>;
  onPresence: (presence: Presence) => void;
  /** Called when a page that asked to be a heartbeat is silent or gone. */
  onHeartbeatLost: (name: string) => void;
}

export interface ConsoleServer {
  /** `http://HOST:PORT/` */
  readonly url: string;
  /** Sends a topic's new value to all pages, and to those that come later. */
  publish<Topic extends TopicName>(topic: Topic, value: Topics[Topic]): void;
  picture(picture: CameraPicture): void;
  close(): Promise<void>;
}

/** Topics whose old values nobody needs. */
const MOMENTARY: readonly TopicName[] = ['motion'];

/** Serves the page and what it shows until it is closed. Throws a `UserError` where it cannot listen. */
export async function startConsoleServer(options: ServerOptions): Promise<ConsoleServer> {
  const { access, port, own, askRuntime, onPresence, onHeartbeatLost } = options;
  demandSafe(access);
  const files = await loadPage();
  const server = access.tls ? createTlsServer(access.tls) : createServer();
  server.on('request', (request, response) => {
    const refusal = refusalOf(request, access);
    if (refusal) return void response.writeHead(Number(refusal.slice(0, 3))).end(`${refusal}\n`);
    answerStatic(files, request, response);
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES });
  const pages = new Set<Page>();
  const beating = new Set<string>();
  const crew = createCrew();
  const newest = new Map<string, Buffer>();

  const broadcast = (message: Buffer, momentary = false) => {
    for (const page of pages) page.sendPacked(message, momentary);
  };
  const publish: ConsoleServer['publish'] = (topic, value) => {
    const message = pack({ topic, value });
    newest.set(topic, message);
    broadcast(message, MOMENTARY.includes(topic));
  };
  const tellCrew = () => {
    const state = crew.state();
    publish('crew', state);
    onPresence({
      pages: pages.size,
      attended: state.operator !== undefined,
      beating: beating.size > 0,
    });
  };
  const lose = ({ id, name }: Page) => {
    if (beating.delete(id)) onHeartbeatLost(name);
  };

  const crewAnswers: OwnAnswers = {
    takeSeat(_, { id }) {
      crew.seat(id);
      tellCrew();
      return { says: 'this page operates' };
    },
    leaveSeat(_, { id }) {
      crew.unseat(id);
      tellCrew();
      return { says: 'this page only watches now' };
    },
    heartbeat({ on }: { on: boolean }, { id }) {
      if (on) beating.add(id);
      else beating.delete(id);
      tellCrew();
      return { says: on ? 'closing this page stops the robot' : 'this page may be closed' };
    },
  };
  const answers = { ...own, ...crewAnswers };

  const answer = async (page: Page, request: RequestName, args: unknown): Promise<Answered> => {
    const { seat, answerer } = RULES[request];
    if (seat && !crew.operates(page.id)) {
      const { operator } = crew.state();
      throw new UserError(
        `${operator ? `${operator.name} operates` : 'nobody operates'}: take over first`,
      );
    }
    if (answerer === 'runtime') return askRuntime(request, args, page.name);
    const found = answers[request];
    if (!found) throw new UserError(`this console has nothing to answer "${request}" with`);
    return found(args as never, page);
  };

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal =
      refusalOf(request, access) ??
      (request.url === '/live' ? undefined : '404 Not Found') ??
      (sockets.clients.size >= MOST_PAGES ? '503 Service Unavailable' : undefined);
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) =>
      talk({
        socket: client,
        id: randomUUID(),
        roleOf: (token) => roleOf(access, token),
        onOpen(page) {
          pages.add(page);
          crew.join(page);
          for (const message of newest.values()) page.sendPacked(message);
          tellCrew();
        },
        onClose(page) {
          pages.delete(page);
          crew.leave(page.id);
          lose(page);
          tellCrew();
        },
        onSilence: lose,
        answer,
      }),
    );
  });

  const failed = new Promise<never>((_, reject) => server.once('error', reject));
  server.listen(port, access.host);
  await Promise.race([once(server, 'listening'), failed]).catch((error: unknown) => {
    throw new UserError(
      `no console at ${access.host}:${port}: ${reasonOf(error)}; give another port`,
      { cause: error },
    );
  });
  const { address, family, port: bound } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `${access.tls ? 'https' : 'http'}://${host}:${bound}/`,
    publish,
    picture(picture) {
      const message = pack({ picture });
      newest.set(`camera/${picture.camera}`, message);
      broadcast(message, true);
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
