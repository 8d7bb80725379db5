import type { Router } from 'zeromq';
import { UserError, codeOf, messageOf } from '../../errors.ts';
import type { Lineage } from '../robot/lineage.ts';
import {
  type Handlers,
  type Message,
  type MessageOf,
  decodeMessage,
  encodeMessage,
  handle,
} from '../wire/protocol.ts';
import type { Store } from './store.ts';
import { type Incoming, readPart } from '../wire/transfer.ts';

/** Milliseconds, by the monotonic clock. */
const LONGEST_SILENCE = 15_000;
const LOOK_EVERY = 5000;

/** A runtime that is connected. */
interface Peer {
  route: Buffer;
  /** By `performance.now`. */
  heard: number;
  welcome: boolean;
  incoming?: Incoming;
  /** The adapter that it plays, or the base. */
  version: string;
}

export interface SessionsOptions {
  socket: Router;
  base: string;
  store: Store;
  lineage: Lineage;
  onEpisode: (episode: { name: string; path: string }) => void;
  log: (line: string) => void;
}

/** The learner's side of all connections. */
export interface Sessions {
  readonly connected: number;
  /** Resolves when the socket was closed. */
  readonly ended: Promise<void>;
  /** Tells everyone of the newest adapter. */
  announce(): Promise<void>;
}

/** Serves whoever connects, one message after another: none waits in memory. */
export function serve(options: SessionsOptions): Sessions {
  const { socket, base, store, lineage, onEpisode, log } = options;
  const peers = new Map<string, Peer>();

  const forget = async (peer: Peer) => {
    peers.delete(peer.route.toString('hex'));
    await peer.incoming?.abandon();
  };

  let sending: Promise<void> = Promise.resolve();
  const say = (peer: Peer, message: Message, data?: Uint8Array): Promise<void> => {
    sending = sending
      .then(() => socket.send([peer.route, ...encodeMessage(message, data)]))
      .catch(async (error: unknown) => {
        if (socket.closed) return;
        const isGone = codeOf(error) === 'EHOSTUNREACH' || codeOf(error) === 'EAGAIN';
        if (!isGone) log(`could not answer a runtime: ${messageOf(error)}`);
        await forget(peer);
      });
    return sending;
  };

  const announceTo = async (peer: Peer) => {
    const { newest } = lineage;
    if (!newest || newest.name === peer.version) return;
    await say(peer, { kind: 'adapter', ...newest, line: lineage.since(peer.version) });
  };

  const refuse = async (peer: Peer, why: string) => {
    log(`refused a runtime: ${why}`);
    await say(peer, { kind: 'refused', why });
    await forget(peer);
  };

  const drop = async (peer: Peer) => {
    await peer.incoming?.abandon();
    peer.incoming = undefined;
  };

  const doNotKeep = async (peer: Peer, name: string, why: string) => {
    await drop(peer);
    log(`did not keep the episode ${name}: ${why}`);
    await say(peer, { kind: 'notKept', name, why });
  };

  const keep = async (peer: Peer, arrived: Incoming) => {
    const { name } = arrived;
    const path = await store.keep(arrived);
    peer.incoming = undefined;
    await say(peer, { kind: 'kept', name });
    onEpisode({ name, path });
  };

  const handlers: Handlers<[Peer]> = {
    async hello({ base: theirs, version }, _, peer) {
      if (theirs !== base)
        return refuse(peer, `it plays the policy ${theirs}, this learner improves ${base}`);
      peer.welcome = true;
      peer.version = version;
      await say(peer, { kind: 'welcome' });
      await announceTo(peer);
    },
    ping: (_message, _data, peer) => say(peer, { kind: 'pong' }),
    async offer(offer, _, peer) {
      const { name } = offer;
      await drop(peer);
      try {
        const found = await store.find(offer);
        if (found) {
          if (found !== 'noted') onEpisode({ name, path: found.path });
          return await say(peer, { kind: 'kept', name });
        }
        peer.incoming = await store.begin(offer);
      } catch (error) {
        return doNotKeep(peer, name, messageOf(error));
      }
      await say(peer, { kind: 'want', what: 'episode', name, offset: 0 });
    },
    async part({ what, name, offset }, data, peer) {
      const { incoming } = peer;
      if (what !== 'episode' || name !== incoming?.name) return;
      try {
        if (await incoming.take(offset, data)) return await keep(peer, incoming);
        await say(peer, { kind: 'want', what, name, offset: incoming.offset });
      } catch (error) {
        await doNotKeep(peer, name, messageOf(error));
      }
    },
    async want({ what, name, offset }: MessageOf<'want'>, _, peer) {
      if (what !== 'adapter') return;
      const data = await readPart(lineage.pathOf(name), offset);
      await say(peer, { kind: 'part', what, name, offset }, data);
    },
    taken({ name }, _, peer) {
      peer.version = name;
    },
    notTaken({ name, why }) {
      log(`a runtime did not take the adapter ${name}: ${why}`);
    },
  };

  const attend = async (route: Buffer, frames: Buffer[]) => {
    const key = route.toString('hex');
    const peer = peers.get(key) ?? { route, heard: 0, welcome: false, version: base };
    peer.heard = performance.now();
    try {
      const { message, data } = decodeMessage(frames);
      if (!peer.welcome && message.kind !== 'hello') return await say(peer, { kind: 'stranger' });
      peers.set(key, peer);
      await handle(handlers, message, data, peer);
    } catch (error) {
      if (!(error instanceof UserError)) log(`a runtime's message failed: ${messageOf(error)}`);
      await refuse(peer, messageOf(error));
    }
  };

  const forgetSilent = async () => {
    const before = performance.now() - LONGEST_SILENCE;
    for (const peer of peers.values()) if (peer.heard < before) await forget(peer);
  };

  const run = async () => {
    const looking = setInterval(() => void forgetSilent(), LOOK_EVERY);
    try {
      for await (const [route, ...frames] of socket) await attend(route, frames);
    } finally {
      clearInterval(looking);
      for (const peer of peers.values()) await peer.incoming?.abandon();
    }
  };

  return {
    get connected() {
      return [...peers.values()].filter(({ welcome }) => welcome).length;
    },
    ended: run(),
    async announce() {
      for (const peer of peers.values()) if (peer.welcome) await announceTo(peer);
    },
  };
}
