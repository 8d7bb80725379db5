import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { UserError } from '../errors.ts';
import { PolicyAway } from '../policy/policyAway.ts';
import { reasonOf } from '../systemErrors.ts';
import { MOST_MESSAGE_BYTES } from './protocol.ts';
import { type WireMap, decode } from './wire.ts';

/** Milliseconds until a server must have sent its metadata. */
const HANDSHAKE = 5000;

/** Milliseconds between attempts to connect again. */
const RETRY = 250;

/** Milliseconds for which a request waits for a connection; its observation ages meanwhile. */
const PATIENCE = 300;

/**
 * Milliseconds after a connection was lost from which on requests do not wait: an attempt ends after two seconds
 * without a row, and in simulation only the requests' waiting passes time.
 */
const LONGEST_WAIT = 2000;

/** One connection to a server, which answers one request at a time. */
export interface Connection {
  /** What the server says of itself. */
  readonly metadata: WireMap;
  /**
   * Sends a request; resolves to its reply. Rejects with `PolicyAway` if the connection is lost or the reply takes
   * longer than `patience` ms, which closes it; with a `UserError` for what the server says is wrong.
   */
  ask(request: Buffer, patience: number): Promise<WireMap>;
  /** Resolves when it is lost. */
  readonly lost: Promise<void>;
  close(): void;
}

/** The next message of a socket, binary or text. Rejects when the connection ends, or after `patience` ms. */
function nextMessage(socket: WebSocket, url: string, patience: number): Promise<Buffer | string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      finish(() =>
        reject(
          new PolicyAway(`${url} has not answered for ${patience / 1000} s`, {
            kind: 'unreachable',
            subject: url,
          }),
        ),
      );
      socket.terminate();
    }, patience);
    const onMessage = (data: Buffer, isBinary: boolean) =>
      finish(() => resolve(isBinary ? data : data.toString()));
    const onClose = (code: number, reason: Buffer) =>
      finish(() => reject(new PolicyAway(`${url} has closed the connection (${[code, reason.toString()].join(' ').trim()})`, { kind: 'unreachable', subject: url }))); // prettier-ignore
    const onError = (error: Error) =>
      finish(() =>
        reject(
          new PolicyAway(`${url}: ${reasonOf(error)}`, {
            cause: error,
            kind: 'unreachable',
            subject: url,
          }),
        ),
      );
    const onRefused = (_: unknown, { statusCode }: { statusCode?: number }) => {
      finish(() => reject(refusal(url, statusCode)));
      socket.terminate();
    };
    function finish(settle: () => void) {
      clearTimeout(timer);
      socket.off('message', onMessage).off('close', onClose).off('error', onError);
      socket.off('unexpected-response', onRefused);
      settle();
    }
    socket.on('message', onMessage).on('close', onClose).on('error', onError);
    socket.on('unexpected-response', onRefused);
  });
}

const refusal = (url: string, status: number | undefined): UserError =>
  new UserError(
    status === 401
      ? `${url} wants another API key; give it by --api-key or NALU_API_KEY`
      : `${url} answers with HTTP status ${status}; is it an openpi server?`,
    {
      kind: status === 401 ? 'unsaid' : 'invalid',
      subject: url,
      fields: status === 401 ? ['--api-key'] : [],
    },
  );

/** Connects once. Rejects with `PolicyAway` where nobody answers, and a `UserError` where that will not change. */
async function connect(url: string, apiKey: string | undefined): Promise<Connection> {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MOST_MESSAGE_BYTES,
    headers: apiKey === undefined ? {} : { authorization: `Api-Key ${apiKey}` },
  });
  // What fails while nobody waits is told by `lost`.
  socket.on('error', () => undefined);
  const lost = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const first = await nextMessage(socket, url, HANDSHAKE);
  if (typeof first === 'string') {
    socket.terminate();
    throw new UserError(`${url} begins with text; is it an openpi server?`, {
      kind: 'invalid',
      subject: url,
    });
  }
  return {
    metadata: decode(first),
    async ask(request, patience) {
      const answered = nextMessage(socket, url, patience);
      socket.send(request, () => undefined);
      const reply = await answered;
      if (typeof reply === 'string')
        throw new UserError(`${url} failed: ${reply}`, { kind: 'unready', subject: url });
      return decode(reply);
    },
    lost,
    close: () => socket.terminate(),
  };
}

/** A server that is connected to again whenever the connection is lost. */
export interface Link {
  /** The connection. Rejects with `PolicyAway` and the reason if there is none within PATIENCE, or for LONGEST_WAIT. */
  connection(): Promise<Connection>;
  close(): void;
}

/** Connects to a server for good. Rejects if it is not there. */
export async function openLink(url: string, apiKey?: string): Promise<Link> {
  let isClosed = false;
  let open: Connection | undefined;
  let reason = `${url} has closed the connection`;
  /** When the connection was lost; undefined while there is one. */
  let lostAt: number | undefined;

  async function reconnect(): Promise<Connection> {
    for (;;) {
      try {
        return await connect(url, apiKey);
      } catch (error) {
        if (!(error instanceof PolicyAway) || isClosed) throw error;
        reason = error.message;
        await sleep(RETRY, undefined, { ref: false });
      }
    }
  }

  function keep(connecting: Promise<Connection>): Promise<Connection> {
    const kept = connecting.then((connection) => {
      if (isClosed) connection.close();
      open = connection;
      lostAt = undefined;
      void connection.lost.then(() => {
        lostAt = performance.now();
        if (!isClosed) current = keep(reconnect());
      });
      return connection;
    });
    kept.catch(() => undefined);
    return kept;
  }

  let current = keep(connect(url, apiKey));
  await current;
  return {
    async connection() {
      const waited = current;
      const patience = new AbortController();
      const left = lostAt === undefined ? PATIENCE : LONGEST_WAIT - (performance.now() - lostAt);
      const tooLong = sleep(Math.max(0, Math.min(PATIENCE, left)), undefined, patience).then(() => {
        throw new PolicyAway(reason);
      });
      try {
        return await Promise.race([waited, tooLong]);
      } catch (error) {
        // The next request tries again where this connection was refused for good.
        if (!(error instanceof PolicyAway) && current === waited) current = keep(reconnect());
        throw error;
      } finally {
        patience.abort();
        tooLong.catch(() => undefined);
      }
    },
    close() {
      isClosed = true;
      open?.close();
    },
  };
}
