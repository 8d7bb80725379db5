import { setTimeout } from 'node:timers/promises';
import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import {
  AuthorizationError,
  type NatsConnection,
  PermissionViolationError,
  RequestError,
  connect,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { UserError, messageOf } from '../errors.ts';
import { isSystemError, reasonOf } from '../systemErrors.ts';
import { type NatsAddress, parseNats, withoutPassword } from './address.ts';
import { readNatsCredentials } from './credentials.ts';

/** The first version with all that is used: direct reads and limits by subject. */
const OLDEST = [2, 9];

/** Milliseconds. */
const LONGEST_DIAL = 5000;
const LONGEST_FLUSH = 1000;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;
const PING_EVERY = 2000;
const MOST_PINGS_OUT = 2;

/** A connection to a NATS server, which is dialled again, for ever, whenever it breaks. */
export interface Nats {
  /** Who this side is to others: the user of its address. */
  readonly name: string;
  /** The address, without its password. */
  readonly address: string;
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Ends it; what was sent has then reached the server, where there is one. */
  close(): Promise<void>;
}

export interface NatsOptions {
  /** `nats://[NAME[:PASSWORD]@]HOST[:PORT]` */
  address: string;
  /** Folder of the keys of one user, as `nalu keys --nats` makes it; absent: the server must ask for none. */
  keys?: string;
  /** Hears that the connection broke, with why, and that it is back, with undefined. */
  onChange?: (broken: string | undefined) => void;
  /** Hears what the server does not let this user do. */
  onForbidden?: (what: string) => void;
}

/** What the client says where a connection ends before the server has said anything. */
const MUTE = /node provided an undefined error/;

function whyOf(error: unknown, cause: unknown): string {
  if (isSystemError(cause)) return reasonOf(cause);
  const said = messageOf(error);
  return MUTE.test(said) ? 'who listens there ends the connection at once' : said;
}

function failureOf(error: unknown, shown: string, keys: string | undefined): UserError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (error instanceof AuthorizationError)
    return new UserError(
      `${shown}: the server does not let this user in (${error.message}); ${keys === undefined ? 'give --keys the folder of its keys, as nalu keys FOLDER --nats makes it' : `is the key in ${keys} in the server's configuration?`}`,
      { cause: error, kind: 'unsaid', subject: shown, fields: ['--keys'] },
    );
  return new UserError(`${shown}: cannot be reached: ${whyOf(error, cause)}`, {
    cause: error,
    kind: 'unreachable',
    subject: shown,
  });
}

const forbidden = (shown: string, { operation, subject }: PermissionViolationError) =>
  `${shown}: the server does not let this user ${operation === 'publish' ? 'publish' : 'subscribe to'} ${subject}; is the address' name that of the keys?`;

function demandVersion(shown: string, version: string): void {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new UserError(
    `${shown}: its nats-server ${version} is too old; install ${OLDEST.join('.')} or newer`,
    { kind: 'unsupported', subject: shown },
  );
}

/** JetStream of a connection. Throws a `UserError` where the server has none, or is too old. */
async function openJetStream(connection: NatsConnection, shown: string) {
  demandVersion(shown, connection.info!.version);
  try {
    return { manager: await jetstreamManager(connection), jetstream: jetstream(connection) };
  } catch (error) {
    const violation = [error, (error as Error).cause].find(
      (one) => one instanceof PermissionViolationError,
    );
    if (violation)
      throw new UserError(forbidden(shown, violation), { cause: error, kind: 'invalid' });
    if (!(error instanceof Error) || error.name !== 'JetStreamNotEnabled') throw error;
    throw new UserError(
      `${shown}: this NATS server has no JetStream (${error.message}); give it a line jetstream { store_dir: FOLDER }, and its account jetstream: enabled`,
      { cause: error, kind: 'unsupported', subject: shown },
    );
  }
}

async function watch(
  connection: NatsConnection,
  shown: string,
  { onChange, onForbidden }: NatsOptions,
  told: (isBroken: boolean) => void,
): Promise<void> {
  for await (const status of connection.status()) {
    const { type } = status;
    if (type === 'disconnect') {
      onChange?.(`the server at ${shown} went away`);
      told(true);
    }
    if (type === 'error' && status.error instanceof PermissionViolationError)
      onForbidden?.(forbidden(shown, status.error));
    if (type !== 'reconnect') continue;
    told(false);
    onChange?.(undefined);
  }
}

/**
 * When a connection that broke is dialled again. The client asks for the pause whenever it looks, several times between
 * two dials, and adds it to the wall clock's time of the last one, which a clock that goes back puts off: here the
 * monotonic clock says when it is due, by a pause that is over already.
 */
function dialling() {
  let [pause, due] = [FIRST_PAUSE, 0];
  return {
    pause: () => {
      const now = performance.now();
      if (now < due) return pause;
      pause = Math.min(2 * pause, LONGEST_PAUSE);
      due = now + pause;
      return -Infinity;
    },
    isBack: () => void (pause = FIRST_PAUSE),
  };
}

/**
 * Has requests end with the connection over which they were made, and none begin without one: their answers are lost, and
 * the client would wait for them until their time is over. Gives what is told when it breaks, and when it is back.
 */
function requestsOf(connection: NatsConnection): (isBroken: boolean) => void {
  const waiting = new Set<(error: Error) => void>();
  const request = connection.request.bind(connection);
  const broken = () => new RequestError('the connection to the server broke');
  let isBroken = false;
  connection.request = (...args) => {
    if (isBroken) return Promise.reject(broken());
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      void request(...args)
        .then(resolve, reject)
        .finally(() => waiting.delete(reject));
    });
  };
  return (now) => {
    isBroken = now;
    if (isBroken) for (const reject of waiting) reject(broken());
  };
}

const authenticatorOf = ({ name, password }: NatsAddress) =>
  password === undefined ? undefined : usernamePasswordAuthenticator(name, password);

/**
 * Connects to a NATS server that has JetStream. Throws a `UserError` for an address, keys or a server that cannot be
 * used; a connection that breaks later is dialled again for ever.
 */
export async function connectNats(options: NatsOptions): Promise<Nats> {
  const { address, keys } = options;
  const target = parseNats(address);
  const shown = withoutPassword(address);
  const credentials = keys === undefined ? undefined : await readNatsCredentials(keys);
  // An address in numbers is compared with the certificate's too.
  const host = target.host.replace(/^\[|\]$/g, '');
  const tls = credentials?.tls && { ...credentials.tls, host };
  const dials = dialling();
  const connection = await connect({
    servers: `${target.host}:${target.port}`,
    name: target.name,
    authenticator: credentials?.authenticator ?? authenticatorOf(target),
    ...(tls && { tls }),
    // Two users cannot hear each other's answers where the server separates them.
    inboxPrefix: `_INBOX.${target.name}`,
    timeout: LONGEST_DIAL,
    pingInterval: PING_EVERY,
    maxPingOut: MOST_PINGS_OUT,
    maxReconnectAttempts: -1,
    // A key that is exchanged is unknown for a while.
    ignoreAuthErrorAbort: true,
    ignoreClusterUpdates: true,
    reconnectDelayHandler: dials.pause,
  }).catch((error: unknown) => {
    throw failureOf(error, shown, keys);
  });
  const requests = requestsOf(connection);
  const opened = await openJetStream(connection, shown).catch(async (error: unknown) => {
    await connection.close();
    throw error;
  });
  void watch(connection, shown, options, (isBroken) => {
    requests(isBroken);
    if (!isBroken) dials.isBack();
  });
  return {
    ...{ name: target.name, address: shown, connection, ...opened },
    async close() {
      // Without a server it would wait for one.
      const waiting = new AbortController();
      const sent = connection.flush().catch(() => undefined);
      await Promise.race([sent, setTimeout(LONGEST_FLUSH, undefined, waiting)]);
      waiting.abort();
      await connection.close();
    },
  };
}
