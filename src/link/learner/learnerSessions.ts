import type { Router } from 'zeromq';
import { UserError, codeOf, messageOf } from '../../errors.ts';
import type { Label } from '../../episodes/labels.ts';
import {
  type Handlers,
  PART_BYTES,
  type Message,
  type MessageOf,
  decodeMessage,
  encodeMessage,
  handle,
} from '../wire/protocol.ts';
import type { LearnerEndOptions } from './learnerEnd.ts';
import { readPart } from '../../files/readPart.ts';
import type { Incoming } from '../wire/transfer.ts';

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
  /** Of the episode that is on offer. */
  labels: readonly Label[];
  /** The adapter that it plays, or the base. */
  version: string;
  /** The adapter that it is to play: the one that was announced last, unless it refused that. */
  wanted: string;
}

export interface SessionsOptions extends LearnerEndOptions {
  socket: Router;
}

/** The learner's side of all connections. */
export interface Sessions {
  readonly connected: number;
  /** Resolves when the socket was closed. */
  readonly ended: Promise<void>;
  /** Offers the newest adapter to all that are connected. */
  announce(): Promise<void>;
}

/** Serves whoever connects, one message after another: none waits in memory. */
export function serve(options: SessionsOptions): Sessions {
  const server = new Server(options);
  return {
    get connected() {
      return server.connected;
    },
    ended: server.run(),
    announce: () => server.announce(),
  };
}

class Server {
  private readonly options: SessionsOptions;
  /** By route. */
  private readonly peers = new Map<string, Peer>();
  private sending: Promise<void> = Promise.resolve();
  private readonly handlers: Handlers<[Peer]>;

  constructor(options: SessionsOptions) {
    this.options = options;
    this.handlers = {
      hello: (message, _, peer) => this.greet(message, peer),
      ping: (_message, _data, peer) => this.send(peer, { kind: 'pong' }),
      offer: (message, _, peer) => this.beginEpisode(message, peer),
      part: (message, data, peer) => this.takePart(message, data, peer),
      want: (message, _, peer) => this.sendPart(message, peer),
      taken({ name }, _, peer) {
        peer.version = name;
      },
      notTaken({ name, why }, _, peer) {
        peer.wanted = peer.version;
        options.log(`a runtime did not take the adapter ${name}: ${why}`);
      },
    };
  }

  get connected(): number {
    return [...this.peers.values()].filter(({ welcome }) => welcome).length;
  }

  /** Resolves when the socket was closed. */
  async run(): Promise<void> {
    const timer = setInterval(() => void this.forgetSilent(), LOOK_EVERY);
    try {
      for await (const [route, ...frames] of this.options.socket) await this.attend(route, frames);
    } finally {
      clearInterval(timer);
      for (const peer of this.peers.values()) await peer.incoming?.abandon();
    }
  }

  /** Sends the newest adapter's name to all that are to play another. */
  async announce(): Promise<void> {
    for (const peer of this.peers.values()) if (peer.welcome) await this.announceTo(peer);
  }

  private async attend(route: Buffer, frames: Buffer[]): Promise<void> {
    const { base, log } = this.options;
    const key = route.toString('hex');
    const peer = this.peers.get(key) ?? {
      route,
      heard: 0,
      welcome: false,
      labels: [],
      version: base,
      wanted: base,
    };
    peer.heard = performance.now();
    try {
      const { message, data } = decodeMessage(frames);
      if (!peer.welcome && message.kind !== 'hello')
        return await this.send(peer, { kind: 'stranger' });
      this.peers.set(key, peer);
      await handle(this.handlers, message, data, peer);
    } catch (error) {
      if (!(error instanceof UserError)) log(`a runtime's message failed: ${messageOf(error)}`);
      await this.refuse(peer, messageOf(error));
    }
  }

  private send(peer: Peer, message: Message, data?: Uint8Array): Promise<void> {
    const { socket, log } = this.options;
    this.sending = this.sending
      .then(() => socket.send([peer.route, ...encodeMessage(message, data)]))
      .catch(async (error: unknown) => {
        if (socket.closed) return;
        const isGone = codeOf(error) === 'EHOSTUNREACH' || codeOf(error) === 'EAGAIN';
        if (!isGone) log(`could not answer a runtime: ${messageOf(error)}`);
        await this.forget(peer);
      });
    return this.sending;
  }

  private async forget(peer: Peer): Promise<void> {
    this.peers.delete(peer.route.toString('hex'));
    await peer.incoming?.abandon();
  }

  private async forgetSilent(): Promise<void> {
    const before = performance.now() - LONGEST_SILENCE;
    for (const peer of this.peers.values()) if (peer.heard < before) await this.forget(peer);
  }

  private async refuse(peer: Peer, why: string): Promise<void> {
    this.options.log(`refused a runtime: ${why}`);
    await this.send(peer, { kind: 'refused', why });
    await this.forget(peer);
  }

  private async greet({ base: theirs, version }: MessageOf<'hello'>, peer: Peer): Promise<void> {
    const { base } = this.options;
    if (theirs !== base)
      return this.refuse(peer, `it plays the policy ${theirs}, this learner improves ${base}`);
    peer.welcome = true;
    peer.version = peer.wanted = version;
    await this.send(peer, { kind: 'welcome' });
    await this.announceTo(peer);
  }

  private async announceTo(peer: Peer): Promise<void> {
    const { lineage } = this.options;
    const { newest } = lineage;
    if (!newest || newest.name === peer.wanted) return;
    peer.wanted = newest.name;
    await this.send(peer, { kind: 'adapter', ...newest, line: lineage.since(peer.version) });
  }

  private async beginEpisode(offer: MessageOf<'offer'>, peer: Peer): Promise<void> {
    const { store, onEpisode, onLabels } = this.options;
    const { name, labels } = offer;
    await abandonIncoming(peer);
    peer.labels = labels;
    try {
      const found = await store.find(offer);
      if (found) {
        const episode = await store.label(name, found.path, labels);
        if (found.isNew) onEpisode(episode);
        else if (labels.length > 0) onLabels(episode);
        return await this.send(peer, { kind: 'kept', name });
      }
      peer.incoming = await store.begin(offer);
    } catch (error) {
      return this.doNotKeep(peer, name, messageOf(error));
    }
    await this.send(peer, { kind: 'want', what: 'episode', name, offset: 0 });
  }

  private async takePart(
    { what, name, offset }: MessageOf<'part'>,
    data: Uint8Array,
    peer: Peer,
  ): Promise<void> {
    const { incoming } = peer;
    if (what !== 'episode' || name !== incoming?.name) return;
    try {
      if (await incoming.take(offset, data)) return await this.keep(peer, incoming);
      await this.send(peer, { kind: 'want', what, name, offset: incoming.offset });
    } catch (error) {
      await this.doNotKeep(peer, name, messageOf(error));
    }
  }

  private async keep(peer: Peer, arrived: Incoming): Promise<void> {
    const { store, onEpisode } = this.options;
    const { name } = arrived;
    const episode = await store.keep(arrived, peer.labels);
    peer.incoming = undefined;
    await this.send(peer, { kind: 'kept', name });
    onEpisode(episode);
  }

  private async doNotKeep(peer: Peer, name: string, why: string): Promise<void> {
    await abandonIncoming(peer);
    this.options.log(`did not keep the episode ${name}: ${why}`);
    await this.send(peer, { kind: 'notKept', name, why });
  }

  private async sendPart({ what, name, offset }: MessageOf<'want'>, peer: Peer): Promise<void> {
    if (what !== 'adapter') return;
    const data = await readPart(this.options.lineage.pathOf(name), offset, PART_BYTES);
    await this.send(peer, { kind: 'part', what, name, offset }, data);
  }
}

async function abandonIncoming(peer: Peer): Promise<void> {
  await peer.incoming?.abandon();
  peer.incoming = undefined;
}
