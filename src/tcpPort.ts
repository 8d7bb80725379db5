import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { UserError } from './errors.ts';
import { reasonOf } from './systemErrors.ts';

const HIGHEST_PORT = 65535;

/** Whether a number is that of a TCP port. */
export const isPort = (value: number): boolean =>
  Number.isSafeInteger(value) && value >= 1 && value <= HIGHEST_PORT;

/** What `isPort` asks for, in words. */
export const PORT_RANGE = `a whole number from 1 to ${HIGHEST_PORT}`;

/** A host as it stands in a URL: an IPv6 address in brackets. */
export const hostIn = (address: string): string =>
  address.includes(':') ? `[${address}]` : address;

/**
 * Has a server listen; port 0 picks a free one. Resolves to `HOST:PORT`. Throws a `UserError` where it cannot, which
 * names the server by `what`.
 */
export async function listen(
  server: Server,
  { host, port, what }: { host: string; port: number; what: string },
): Promise<string> {
  const subject = `${hostIn(host)}:${port}`;
  const refused = `no ${what} at ${subject}`;
  if (port !== 0 && !isPort(port))
    throw new UserError(`${refused}: there is no such port; give ${PORT_RANGE}`, {
      kind: 'invalid',
      subject,
    });
  const failed = new Promise<never>((_, reject) => server.once('error', reject));
  server.listen(port, host);
  await Promise.race([once(server, 'listening'), failed]).catch((error: unknown) => {
    throw new UserError(`${refused}: ${reasonOf(error)}`, { cause: error, subject });
  });
  const bound = server.address() as AddressInfo;
  return `${hostIn(bound.address)}:${bound.port}`;
}
