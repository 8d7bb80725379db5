import { resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { type NatsAddress, isLoopback, isNats, parseNats } from '../../nats/address.ts';
import { PORT_RANGE, isPort } from '../../tcpPort.ts';

/** Linux allows no more in the path of a socket. */
const LONGEST_SOCKET_PATH = 107;

/** Where two sides meet: a socket's file on one machine, a port of the learner's, or a NATS server. */
export type Address =
  | { kind: 'ipc'; path: string }
  | { kind: 'tcp'; host: string; port: string }
  | ({ kind: 'nats' } & NatsAddress);

/** The address of a learner on the same machine that works in this folder. */
export const folderAddress = (folder: string): string => `ipc://${resolve(folder, 'learner.sock')}`;

/** Reads `ipc://PATH`, `tcp://HOST:PORT` (port `*` for any free one) or `nats://NAME@HOST:PORT`. Throws a `UserError`. */
export function parseAddress(text: string): Address {
  if (isNats(text)) return { kind: 'nats', ...parseNats(text) };
  const path = /^ipc:\/\/(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) {
    const bytes = Buffer.byteLength(path);
    if (bytes > LONGEST_SOCKET_PATH)
      throw new UserError(
        `${path}: ${bytes} bytes, a socket's path may have ${LONGEST_SOCKET_PATH}; choose a folder with a shorter path`,
        { kind: 'invalid', subject: path },
      );
    return { kind: 'ipc', path };
  }
  const tcp = /^tcp:\/\/([^:/]+|\[[^\]]+\]):(\d+|\*)$/.exec(text);
  if (!tcp)
    throw new UserError(
      `${text}: not an address; give ipc:///ABSOLUTE/PATH, tcp://HOST:PORT, as in tcp://10.0.0.5:5570, or nats://NAME@HOST:PORT`,
      { kind: 'invalid', subject: text },
    );
  const [, host, port] = tcp;
  if (port !== '*' && !isPort(Number(port)))
    throw new UserError(`${text}: there is no port ${port}; give ${PORT_RANGE}`, {
      kind: 'invalid',
      subject: text,
    });
  return { kind: 'tcp', host, port };
}

/** The name by which a robot dials this address, if it has one. Throws a `UserError`. */
export function robotIn(address: string): string | undefined {
  const target = parseAddress(address);
  return target.kind === 'nats' ? target.name : undefined;
}

/** Throws a `UserError` if peers at this address would not have to prove who they are. */
export function demandKeys(address: string, keys: string | undefined): void {
  if (keys !== undefined) return;
  const target = parseAddress(address);
  if (target.kind === 'nats' && target.password === undefined && !isLoopback(target))
    throw new UserError(
      `${address}: on a network the server needs to know who dials, or anybody could send a policy; make keys with nalu keys FOLDER --nats`,
      { kind: 'unsaid', subject: address, fields: ['--keys'] },
    );
  if (target.kind === 'tcp')
    throw new UserError(
      `${address}: over TCP both sides need keys, or anybody could send a policy; make them with nalu keys FOLDER`,
      { kind: 'unsaid', subject: address, fields: ['--keys'] },
    );
}

/** Throws a `UserError` for an address at which one can listen but that names nobody to connect to. */
export function demandPeer(address: string): void {
  const target = parseAddress(address);
  if (target.kind === 'tcp' && (target.host === '*' || target.port === '*'))
    throw new UserError(
      `${address}: names no learner; give the host and port at which it listens, as in tcp://10.0.0.5:5570`,
      { kind: 'invalid', subject: address },
    );
}
