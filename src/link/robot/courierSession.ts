import { Dealer } from 'zeromq';
import { codeOf, invalid, messageOf } from '../../errors.ts';
import type { RuntimeKeys } from '../wire/keys.ts';
import type { Session, SessionOptions } from './session.ts';
import {
  type Handlers,
  MOST_LABELS,
  MOST_MESSAGE_BYTES,
  PART_BYTES,
  type Message,
  type MessageOf,
  PROTOCOL,
  decodeMessage,
  encodeMessage,
  handle,
} from '../wire/protocol.ts';
import { digest } from '../../files/digest.ts';
import { readPart } from '../../files/readPart.ts';
import type { Incoming } from '../wire/transfer.ts';

/** Milliseconds, all of them by the monotonic clock. */
const PING_EVERY = 1000;
const LONGEST_SILENCE = 5000;
const FIRST_RETRY = 500;
const LONGEST_RETRY = 60_000;

/** Where a learner listens over ZeroMQ. */
export interface ZeromqPeer {
  address: string;
  keys: RuntimeKeys | undefined;
}

function connect(address: string, keys: RuntimeKeys | undefined): Dealer {
  const socket = new Dealer({
    linger: 0,
    immediate: true,
    reconnectInterval: 100,
    sendTimeout: LONGEST_SILENCE,
    receiveTimeout: LONGEST_SILENCE,
    maxMessageSize: MOST_MESSAGE_BYTES,
    ...(keys && {
      curvePublicKey: keys.public,
      curveSecretKey: keys.secret,
      curveServerKey: keys.learner,
    }),
  });
  socket.connect(address);
  return socket;
}

const silence = (address: string, keys: RuntimeKeys | undefined) =>
  `no answer from ${address}; is a learner running there${keys ? ', and is learner.pub its public key' : ''}?`;

/** Opens a connection. Never throws; all that goes wrong ends the session. */
export function openSession(peer: ZeromqPeer, options: SessionOptions): Session {
  const connection = new Connection(peer, options);
  return {
    ended: connection.run(),
    notify: () => connection.notify(),
    close: () => connection.end('closed'),
  };
}

class Connection {
  private readonly peer: ZeromqPeer;
  private readonly options: SessionOptions;
  private readonly socket: Dealer;
  /** Why it ended; undefined while it lasts. */
  private reason: string | undefined;
  private welcome = false;
  private offered: { name: string; path: string } | undefined;
  private incoming: Incoming | undefined;
  /** Why the last adapter was not taken. */
  private refused: string | null = null;
  /** Milliseconds until an episode that was not kept is offered again. */
  private retryAfter = FIRST_RETRY;
  private retry: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();
  private readonly handlers: Handlers;

  constructor(peer: ZeromqPeer, options: SessionOptions) {
    this.peer = peer;
    this.options = options;
    this.socket = connect(peer.address, peer.keys);
    this.handlers = {
      welcome: () => this.start(),
      refused: ({ why }) => this.end(`the learner at ${peer.address} refused this runtime: ${why}`), // prettier-ignore
      stranger: () => this.end('the learner began anew'),
      pong: () => undefined,
      want: (message) => this.sendPart(message),
      kept: ({ name }) => this.acknowledge(name),
      notKept: ({ name, why }) => this.postpone(name, why),
      adapter: (announced) => this.beginAdapter(announced),
      part: (message, data) => this.takePart(message, data),
    };
  }

  /** Serves the connection; resolves to why it ended. */
  async run(): Promise<string> {
    const { address } = this.peer;
    const { base, inbox, onChange } = this.options;
    this.socket.events.on('disconnect', () => this.end(`the learner at ${address} went away`));
    this.socket.events.on('handshake:error:auth', () =>
      this.end(`the learner at ${address} does not know this runtime's key; give it runtime.pub`),
    );
    const heartbeat = setInterval(() => {
      if (this.welcome) void this.send({ kind: 'ping' }).catch(() => undefined);
    }, PING_EVERY);
    try {
      await this.send({ kind: 'hello', protocol: PROTOCOL, base, version: inbox.version });
      while (this.reason === undefined) {
        const { message, data } = decodeMessage(await this.socket.receive());
        await handle(this.handlers, message, data);
      }
    } catch (error) {
      this.end(this.describe(error));
    }
    clearInterval(heartbeat);
    clearTimeout(this.retry);
    await this.abandonIncoming();
    onChange(false, this.refused);
    return this.reason ?? 'closed';
  }

  /** Looks for new episodes and labels. */
  notify(): void {
    const offer = () => this.offerNext();
    void this.options.outbox.refresh().then(offer, (error: Error) => this.end(error.message));
  }

  end(reason: string): void {
    this.reason ??= reason;
    this.socket.close();
  }

  private describe(error: unknown): string {
    const { address, keys } = this.peer;
    return codeOf(error) === 'EAGAIN' ? silence(address, keys) : messageOf(error);
  }

  private send(message: Message, data?: Uint8Array): Promise<void> {
    this.sending = this.sending.then(() => this.socket.send(encodeMessage(message, data)));
    this.sending.catch((error: unknown) => this.end(this.describe(error)));
    return this.sending;
  }

  private async start(): Promise<void> {
    this.welcome = true;
    await this.options.outbox.refresh();
    this.options.onChange(true, this.refused);
    await this.offerNext();
  }

  private async offerNext(): Promise<void> {
    const { outbox, log } = this.options;
    if (!this.welcome || this.offered || this.retry) return;
    this.offered = outbox.next();
    if (!this.offered) return;
    const { name, path } = this.offered;
    try {
      const labels = (await outbox.labels(name)).slice(-MOST_LABELS);
      const { bytes, sha256 } = await digest(path);
      if (bytes === 0) throw invalid(path, 'is empty');
      await this.send({ kind: 'offer', name, bytes, sha256, labels });
    } catch (error) {
      if (this.reason !== undefined) return;
      log(`does not offer ${name}: ${messageOf(error)}`);
      outbox.forget(name);
      this.offered = undefined;
      await this.offerNext();
    }
  }

  private async sendPart({ what, name, offset }: MessageOf<'want'>): Promise<void> {
    if (what !== 'episode' || name !== this.offered?.name) return;
    const data = await readPart(this.offered.path, offset, PART_BYTES);
    await this.send({ kind: 'part', what, name, offset }, data);
  }

  private async acknowledge(name: string): Promise<void> {
    if (name !== this.offered?.name) return;
    await this.options.outbox.acknowledge(name);
    this.offered = undefined;
    this.retryAfter = FIRST_RETRY;
    this.options.onChange(true, this.refused);
    await this.offerNext();
  }

  private postpone(name: string, why: string): void {
    const { log, outbox } = this.options;
    if (name !== this.offered?.name) return;
    log(`the learner did not keep ${name}, which will be offered again: ${why}`);
    outbox.postpone(name);
    this.offered = undefined;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      void this.offerNext();
    }, this.retryAfter);
    this.retryAfter = Math.min(2 * this.retryAfter, LONGEST_RETRY);
  }

  private async abandonIncoming(): Promise<void> {
    await this.incoming?.abandon();
    this.incoming = undefined;
  }

  private async refuse(name: string, why: string): Promise<void> {
    const { log, onChange } = this.options;
    await this.abandonIncoming();
    this.refused = `the adapter ${name} was not taken: ${why}`;
    log(this.refused);
    onChange(true, this.refused);
    await this.send({ kind: 'notTaken', name, why });
  }

  private async beginAdapter(announced: MessageOf<'adapter'>): Promise<void> {
    const { inbox } = this.options;
    const { name } = announced;
    await this.abandonIncoming();
    if (name === inbox.version) return this.send({ kind: 'taken', name });
    const objection = inbox.objection(announced);
    if (objection !== undefined) return this.refuse(name, objection);
    try {
      this.incoming = await inbox.begin(announced);
    } catch (error) {
      return this.refuse(name, messageOf(error));
    }
    await this.send({ kind: 'want', what: 'adapter', name, offset: 0 });
  }

  private async takePart(
    { what, name, offset }: MessageOf<'part'>,
    data: Uint8Array,
  ): Promise<void> {
    const { inbox, log, onChange } = this.options;
    const { incoming } = this;
    if (what !== 'adapter' || name !== incoming?.name) return;
    try {
      if (!(await incoming.take(offset, data)))
        return await this.send({ kind: 'want', what, name, offset: incoming.offset });
      await inbox.take(incoming);
    } catch (error) {
      return this.refuse(name, messageOf(error));
    }
    this.incoming = undefined;
    this.refused = null;
    log(`plays the adapter ${name}`);
    onChange(true, this.refused);
    await this.send({ kind: 'taken', name });
  }
}
