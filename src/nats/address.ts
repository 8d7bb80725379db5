import { hostname } from 'node:os';
import { UserError } from '../errors.ts';
import { PORT_RANGE, isPort } from '../tcpPort.ts';

const DEFAULT_PORT = '4222';
const ADDRESS = /^nats:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^:/@]+|\[[^\]]+\])(?::(\d+))?\/?$/;
/** One token of a subject, and a folder's name. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** What a `nats://` address says. */
export interface NatsAddress {
  /** Who dials, as others see it: the address' user, or else this machine's name. */
  name: string;
  /** Absent where keys prove who dials, or the server asks nobody. */
  password?: string;
  host: string;
  port: string;
}

/** Whether an address is one of NATS. */
export const isNats = (address: string): boolean => address.startsWith('nats://');

/** Whether a text can name somebody on a NATS server: it becomes a part of subjects. */
export const isNatsName = (text: string): boolean => NAME.test(text);

/** What `isNatsName` asks for, in words. */
export const NATS_NAME = 'up to 64 letters, digits, _ and -';

/** Whether an address of NATS is of this machine alone. */
export const isLoopback = ({ host }: NatsAddress): boolean => LOOPBACK.test(host);

const ownName = () => hostname().split('.')[0].replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64) || 'nalu'; // prettier-ignore

/** Reads `nats://[NAME[:PASSWORD]@]HOST[:PORT]`. Throws a `UserError`. */
export function parseNats(text: string): NatsAddress {
  const parts = ADDRESS.exec(text);
  if (!parts)
    throw new UserError(
      `${withoutPassword(text)}: not an address of a NATS server; give nats://NAME@HOST:PORT, as in nats://cell-3@10.0.0.5:4222`,
      { kind: 'invalid', subject: withoutPassword(text) },
    );
  const [, user, password, host, port = DEFAULT_PORT] = parts;
  const name = user || ownName();
  if (!isNatsName(name))
    throw new UserError(`${withoutPassword(text)}: ${name} is no name here; give ${NATS_NAME}`, {
      kind: 'invalid',
      subject: withoutPassword(text),
    });
  if (!isPort(Number(port)))
    throw new UserError(`${withoutPassword(text)}: there is no port ${port}; give ${PORT_RANGE}`, {
      kind: 'invalid',
      subject: withoutPassword(text),
    });
  return { name, host, port, ...(password !== undefined && { password }) };
}

/** An address as logs may show it. */
export const withoutPassword = (address: string): string =>
  address.replace(/^(nats:\/\/[^:@/]*):[^@/]*@/, '$1@');
