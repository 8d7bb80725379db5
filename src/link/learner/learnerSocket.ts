import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Context, Router } from 'zeromq';
import { makeFolder } from '../../files/makeFolder.ts';
import { UserError, codeOf, messageOf } from '../../errors.ts';
import { type Address, parseAddress } from '../wire/address.ts';
import { readLearnerKeys } from '../wire/keys.ts';
import { MOST_MESSAGE_BYTES } from '../wire/protocol.ts';
import { authorise } from '../wire/zap.ts';

/** Milliseconds for which a learner's process may outlive the learner that was killed. */
const HANDOVER = 2000;
const TRY_EVERY = 50;

/** Which of them says that a peer did not prove itself depends on which side hangs up first. */
const UNPROVEN = ['handshake:error:protocol', 'handshake:error:other'] as const;
/** Peers that were turned away of which the log hears, each once: they try again every few seconds. */
const MOST_TOLD = 1000;

/** ZeroMQ takes a socket's file over from whoever listens on it; this asks before. */
async function isListening(path: string): Promise<boolean> {
  const trial = createConnection(path);
  try {
    await once(trial, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    trial.destroy();
  }
}

/** Where runtimes connect, and who may. */
export interface LearnerSocket {
  socket: Router;
  /** With the port that was found, where any was asked for. */
  address: string;
  close(): void;
}

async function bind(socket: Router, target: Address, address: string): Promise<void> {
  const last = performance.now() + HANDOVER;
  for (;;) {
    const isTaken = target.kind === 'ipc' && (await isListening(target.path));
    try {
      if (!isTaken) return await socket.bind(address);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw error;
    }
    if (performance.now() > last)
      throw new UserError(
        `${address}: another process listens there; end it, or choose another address`,
        { kind: 'unready', subject: address },
      );
    await setTimeout(TRY_EVERY);
  }
}

/** Binds the learner's socket; `log` hears of peers that were turned away. Throws a `UserError`. */
export async function bindLearner(
  address: string,
  keys: string | undefined,
  log: (line: string) => void,
): Promise<LearnerSocket> {
  const target = parseAddress(address);
  const context = new Context();
  const curve = keys === undefined ? undefined : await readLearnerKeys(keys);
  const said = new Set<string>();
  const turnedAway = (whom: string) => {
    if (said.has(whom) || said.size >= MOST_TOLD) return;
    said.add(whom);
    log(`turned away ${whom}`);
  };
  const gate =
    curve &&
    (await authorise(context, new Set(curve.runtimes.values()), (from, key) =>
      turnedAway(
        `a peer at ${from} with the key ${key}, which is none of ${[...curve.runtimes.keys()].join(', ')} in ${keys}`,
      ),
    ));
  const socket = new Router({
    context,
    linger: 0,
    mandatory: true,
    sendTimeout: 0,
    maxMessageSize: MOST_MESSAGE_BYTES,
    ...(curve && { curveServer: true, curveSecretKey: curve.secret, zapDomain: 'nalu' }),
  });
  const close = () => {
    socket.close();
    gate?.close();
  };
  for (const event of curve ? UNPROVEN : [])
    socket.events.on(event, ({ address: at }) =>
      turnedAway(
        `a peer at ${at}: it does not have this learner's public key, or speaks without keys`,
      ),
    );
  try {
    if (target.kind === 'ipc') await makeFolder(dirname(target.path));
    await bind(socket, target, address);
    if (target.kind === 'ipc') await chmod(target.path, 0o600);
  } catch (error) {
    close();
    if (error instanceof UserError) throw error;
    throw new UserError(`${address}: cannot listen there: ${messageOf(error)}`, {
      cause: error,
      kind: 'invalid',
      subject: address,
    });
  }
  return { socket, address: socket.lastEndpoint ?? address, close };
}
