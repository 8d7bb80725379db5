import { signal } from '@preact/signals';
import { Packr } from 'msgpackr';
import { BEAT, PROTOCOL } from '../../protocol.ts';
import type { Ask, Beat, Hello, Reply, RequestName, Requests, Role, ServerMessage } from '../../protocol.ts'; // prettier-ignore
import { noteServerTime } from './clock.ts';
import { personName, token } from './identity.ts';
import { receivePicture } from './pictures.ts';
import { publish } from './topics.ts';

/** How the connection is. Only a page that is `live` shows what is so now. */
export type Link =
  | { state: 'connecting' }
  | { state: 'live'; id: string; role: Role }
  | { state: 'lost'; since: number; why: string }
  | { state: 'refused'; why: string };

export const link = signal<Link>({ state: 'connecting' });

/** Milliseconds until the next attempt to connect, by the attempts that failed. */
const BACK_OFF = [250, 500, 1000, 2000, 4000];
/** Milliseconds within which a connection opens. */
const OPENING = 5000;
/** Milliseconds within which an ask is answered, and those that take longer. */
const PATIENCE = 15_000;
const SLOW: Partial<Record<RequestName, number>> = {
  findings: 90_000,
  check: 60_000,
  exportEpisodes: 3_600_000,
};

const packr = new Packr({ useRecords: false, moreTypes: true });

interface Waiting {
  resolve: (reply: Extract<Reply, { ok: true }>) => void;
  reject: (error: Error) => void;
  timer: number;
}

let socket: WebSocket | undefined;
let failures = 0;
let asked = 0;
let silence: number | undefined;
const waiting = new Map<number, Waiting>();

const send = (message: Hello | Ask | Beat) =>
  socket?.send(packr.pack(message) as Uint8Array<ArrayBuffer>);

function settle(reply: Reply): void {
  const asker = waiting.get(reply.reply);
  if (!asker) return;
  waiting.delete(reply.reply);
  clearTimeout(asker.timer);
  if (reply.ok) asker.resolve(reply);
  else asker.reject(new Error(reply.says));
}

/** Ends this socket; the next one is tried after a while, unless the server refused the page. */
function drop(ended: WebSocket, why: string): void {
  if (ended !== socket) return;
  socket = undefined;
  clearTimeout(silence);
  ended.close();
  for (const { reject, timer } of waiting.values()) {
    clearTimeout(timer);
    reject(new Error('the connection was lost before an answer came'));
  }
  waiting.clear();
  if (link.value.state === 'refused') return;
  if (link.value.state !== 'lost') link.value = { state: 'lost', since: Date.now(), why };
  setTimeout(connect, BACK_OFF[Math.min(failures, BACK_OFF.length - 1)]);
  failures += 1;
}

/** Waits for the server's next beat; without one for so many milliseconds the connection counts as lost. */
function awaitBeat(from: WebSocket, patience = 3 * BEAT): void {
  clearTimeout(silence);
  silence = window.setTimeout(() => drop(from, 'the server has fallen silent'), patience);
}

function receive(message: ServerMessage, from: WebSocket): void {
  if ('topic' in message) return publish(message.topic, message.value);
  if ('picture' in message) return receivePicture(message.picture);
  if ('reply' in message) return settle(message);
  if ('beat' in message) {
    awaitBeat(from);
    noteServerTime(message.beat);
    return send({ beat: message.beat });
  }
  if ('refused' in message) {
    link.value = { state: 'refused', why: message.refused };
    return;
  }
  if ('welcome' in message) {
    failures = 0;
    awaitBeat(from);
    noteServerTime(message.welcome.at);
    link.value = { state: 'live', id: message.welcome.id, role: message.welcome.role };
  }
}

/** Opens the connection and keeps it: one that is lost is opened again. */
export function connect(): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const opened = new WebSocket(`${scheme}://${location.host}/live`);
  socket = opened;
  opened.binaryType = 'arraybuffer';
  awaitBeat(opened, OPENING);
  opened.onopen = () => {
    const name = personName.value;
    send({ protocol: PROTOCOL, name, ...(token !== undefined && { token }) });
  };
  opened.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    if (opened !== socket) return;
    receive(packr.unpack(new Uint8Array(data)) as ServerMessage, opened);
  };
  opened.onclose = () => drop(opened, 'the server has closed it');
}

/** Connects anew, as after a new name. */
export function reconnect(): void {
  if (socket) drop(socket, 'it is opened anew');
}

/** Asks the server. Resolves to its answer; rejects with its sentence where it refuses. */
export async function ask<Name extends RequestName>(
  request: Name,
  args: Requests[Name]['takes'],
): Promise<{ value: Requests[Name]['gives']; says?: string }> {
  if (link.value.state !== 'live') throw new Error('there is no connection');
  const number = ++asked;
  const reply = await new Promise<Extract<Reply, { ok: true }>>((resolve, reject) => {
    const timer = window.setTimeout(() => {
      waiting.delete(number);
      reject(new Error('the server has not answered'));
    }, SLOW[request] ?? PATIENCE);
    waiting.set(number, { resolve, reject, timer });
    send({ ask: number, request, args } as Ask);
  });
  return { value: reply.value as Requests[Name]['gives'], says: reply.says };
}
