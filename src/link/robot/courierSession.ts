import { Dealer } from 'zeromq';
import { UserError, codeOf, messageOf } from '../../errors.ts';
import type { Inbox } from './inbox.ts';
import type { RuntimeKeys } from '../wire/keys.ts';
import type { Outbox } from './outbox.ts';
import {
  type Handlers,
  MOST_MESSAGE_BYTES,
  type Message,
  PROTOCOL,
  decodeMessage,
  encodeMessage,
  handle,
} from '../wire/protocol.ts';
import { type Incoming, digest, readPart } from '../wire/transfer.ts';

/** Milliseconds, all of them by the monotonic clock. */
const PING_EVERY = 1000;
const LONGEST_SILENCE = 5000;
const FIRST_RETRY = 500;
const LONGEST_RETRY = 60_000;

/** One connection of a runtime to the learner, from hello until it breaks. */
export interface Session {
  /** Resolves to why it ended. */
  readonly ended: Promise<string>;
  /** There may be new episodes. */
  notify(): void;
  close(): void;
}

export interface SessionOptions {
  address: string;
  keys: RuntimeKeys | undefined;
  base: string;
  outbox: Outbox;
  inbox: Inbox;
  log: (line: string) => void;
  /** Hears whenever connection or queue have changed; `refused` says why an adapter was not taken. */
  onChange: (connected: boolean, refused: string | null) => void;
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
export function openSession(options: SessionOptions): Session {
  const { address, keys, base, outbox, inbox, log, onChange } = options;
  const socket = connect(address, keys);
  let reason: string | undefined;
  let welcome = false;
  let offered: { name: string; path: string } | undefined;
  let incoming: Incoming | undefined;
  let refused: string | null = null;
  let retry = FIRST_RETRY;
  let resting: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();

  const end = (why: string) => {
    reason ??= why;
    socket.close();
  };
  const say = (message: Message, data?: Uint8Array): Promise<void> => {
    sending = sending.then(() => socket.send(encodeMessage(message, data)));
    sending.catch((error: unknown) =>
      end(codeOf(error) === 'EAGAIN' ? silence(address, keys) : messageOf(error)),
    );
    return sending;
  };

  const offerNext = async (): Promise<void> => {
    if (!welcome || offered || resting) return;
    offered = outbox.next();
    if (!offered) return;
    const { name, path } = offered;
    try {
      const { bytes, sha256 } = await digest(path);
      if (bytes === 0) throw new UserError(`${path}: is empty`);
      await say({ kind: 'offer', name, bytes, sha256 });
    } catch (error) {
      if (reason !== undefined) return;
      log(`does not offer ${name}: ${messageOf(error)}`);
      outbox.forget(name);
      offered = undefined;
      await offerNext();
    }
  };

  const rest = () => {
    resting = setTimeout(() => {
      resting = undefined;
      void offerNext();
    }, retry);
    retry = Math.min(2 * retry, LONGEST_RETRY);
  };

  const drop = async () => {
    await incoming?.abandon();
    incoming = undefined;
  };

  const refuse = async (name: string, why: string) => {
    await drop();
    refused = `the adapter ${name} was not taken: ${why}`;
    log(refused);
    onChange(true, refused);
    await say({ kind: 'notTaken', name, why });
  };

  const handlers: Handlers = {
    async welcome() {
      welcome = true;
      await outbox.refresh();
      onChange(true, refused);
      await offerNext();
    },
    refused: ({ why }) => end(`the learner at ${address} refused this runtime: ${why}`),
    stranger: () => end('the learner began anew'),
    pong: () => undefined,
    async want({ what, name, offset }) {
      if (what !== 'episode' || name !== offered?.name) return;
      await say({ kind: 'part', what, name, offset }, await readPart(offered.path, offset));
    },
    async kept({ name }) {
      if (name !== offered?.name) return;
      await outbox.acknowledge(name);
      offered = undefined;
      retry = FIRST_RETRY;
      onChange(true, refused);
      await offerNext();
    },
    notKept({ name, why }) {
      if (name !== offered?.name) return;
      log(`the learner did not keep ${name}, which will be offered again: ${why}`);
      outbox.postpone(name);
      offered = undefined;
      rest();
    },
    async adapter(announced) {
      const { name } = announced;
      await drop();
      if (name === inbox.version) return say({ kind: 'taken', name });
      const objection = inbox.objection(announced);
      if (objection !== undefined) return refuse(name, objection);
      try {
        incoming = await inbox.begin(announced);
      } catch (error) {
        return refuse(name, messageOf(error));
      }
      await say({ kind: 'want', what: 'adapter', name, offset: 0 });
    },
    async part({ what, name, offset }, data) {
      if (what !== 'adapter' || name !== incoming?.name) return;
      try {
        if (!(await incoming.take(offset, data)))
          return await say({ kind: 'want', what, name, offset: incoming.offset });
        await inbox.take(incoming);
      } catch (error) {
        return refuse(name, messageOf(error));
      }
      incoming = undefined;
      refused = null;
      log(`plays the adapter ${name}`);
      onChange(true, refused);
      await say({ kind: 'taken', name });
    },
  };

  const run = async (): Promise<string> => {
    socket.events.on('disconnect', () => end(`the learner at ${address} went away`));
    socket.events.on('handshake:error:auth', () =>
      end(`the learner at ${address} does not know this runtime's key; give it runtime.pub`),
    );
    const heartbeat = setInterval(() => {
      if (welcome) void say({ kind: 'ping' }).catch(() => undefined);
    }, PING_EVERY);
    try {
      await say({ kind: 'hello', protocol: PROTOCOL, base, version: inbox.version });
      while (reason === undefined) {
        const { message, data } = decodeMessage(await socket.receive());
        await handle(handlers, message, data);
      }
    } catch (error) {
      end(codeOf(error) === 'EAGAIN' ? silence(address, keys) : messageOf(error));
    }
    clearInterval(heartbeat);
    clearTimeout(resting);
    await drop();
    onChange(false, refused);
    return reason ?? 'closed';
  };

  return {
    ended: run(),
    notify: () => void outbox.refresh().then(offerNext, (error: Error) => end(error.message)),
    close: () => end('closed'),
  };
}
