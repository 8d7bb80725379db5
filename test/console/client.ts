import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { CameraPicture, Hello, Reply, RequestName, Requests, Role, ServerMessage, Topics } from '../../src/console/protocol.ts'; // prettier-ignore
import { PROTOCOL } from '../../src/console/protocol.ts';
import { pack, unpack } from '../../src/console/wire.ts';

/** What a page does, without a browser. */
export interface TestPage {
  readonly topics: Partial<Topics>;
  readonly pictures: Map<string, CameraPicture[]>;
  /** What it was told in place of a welcome. */
  readonly refused: string | undefined;
  readonly role: Role | undefined;
  ask<Name extends RequestName>(request: Name, args: Requests[Name]['takes']): Promise<Reply>;
  /** Waits until something is so. */
  until(isSo: () => unknown, what: string, seconds?: number): Promise<void>;
  /** Answers no beat from now on, or with `false` answers them again. */
  fallSilent(isSilent?: boolean): void;
  readonly socket: WebSocket;
  close(): Promise<void>;
}

export interface PageOptions {
  hello?: Partial<Hello>;
  headers?: Record<string, string>;
  ca?: string;
}

/** Connects to a console. Rejects where the connection is refused. */
export async function openPage(url: string, options: PageOptions = {}): Promise<TestPage> {
  const { headers, ca } = options;
  const socket = new WebSocket(`${url.replace('http', 'ws')}live`, { headers, ca });
  const topics: Record<string, unknown> = {};
  const pictures = new Map<string, CameraPicture[]>();
  const waiting = new Map<number, { resolve: (reply: Reply) => void; onLost: () => void }>();
  let refused: string | undefined;
  let role: Role | undefined;
  let asks = 0;
  let silent = false;
  socket.on('message', (data: Buffer) => {
    const message = unpack(data) as ServerMessage;
    if ('welcome' in message) role = message.welcome.role;
    else if ('refused' in message) refused = message.refused;
    else if ('topic' in message) topics[message.topic] = message.value;
    else if ('picture' in message) {
      const { camera } = message.picture;
      pictures.set(camera, [...(pictures.get(camera) ?? []), message.picture]);
    } else if ('reply' in message) waiting.get(message.reply)?.resolve(message);
    else if (!silent) socket.send(pack({ beat: message.beat }));
  });
  socket.once('close', () => waiting.forEach(({ onLost }) => onLost()));
  await once(socket, 'open');
  socket.send(pack({ protocol: PROTOCOL, name: 'tester', ...options.hello }));
  return {
    topics,
    pictures,
    socket,
    get refused() {
      return refused;
    },
    get role() {
      return role;
    },
    ask: (request, args) =>
      new Promise((resolve, reject) => {
        const ask = asks++;
        const onLost = () => reject(new Error(`${request}: no reply before the connection ended`));
        waiting.set(ask, { resolve, onLost });
        socket.send(pack({ ask, request, args }));
      }),
    async until(isSo, what, seconds = 10) {
      const deadline = performance.now() + 1000 * seconds;
      while (!isSo()) {
        if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
        await setTimeout(5);
      }
    },
    fallSilent: (isSilent = true) => void (silent = isSilent),
    async close() {
      socket.close();
      if (socket.readyState !== socket.CLOSED) await once(socket, 'close');
    },
  };
}
