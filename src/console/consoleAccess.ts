import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { UserError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';
import { hostIn } from '../tcpPort.ts';
import { type Access, isLoopback } from './access.ts';
import { ROLES } from './protocol.ts';

const read = (path: string) =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`the console's TLS: ${path}: ${reasonOf(error)}`, {
      cause: error,
      subject: path,
    });
  });

async function tlsOf(files: string | undefined): Promise<Access['tls']> {
  if (files === undefined) return undefined;
  const [cert, key, ...rest] = files.split(',');
  if (!cert || !key || rest.length > 0)
    throw new UserError("the console's TLS takes two files, as cert.pem,key.pem", {
      kind: 'invalid',
      subject: '--console-tls',
    });
  return { cert: await read(cert), key: await read(key) };
}

const newToken = () => randomBytes(24).toString('base64url');

/** Tokens from the environment, so that pages stay open over a restart, or new ones. */
const tokensOf = ({ NALU_CONSOLE_OPERATE, NALU_CONSOLE_WATCH }: NodeJS.ProcessEnv) => ({
  operate: NALU_CONSOLE_OPERATE ?? newToken(),
  watch: NALU_CONSOLE_WATCH ?? newToken(),
});

/** Addresses that stand for all of this machine's own. */
const EVERYWHERE = ['0.0.0.0', '::'];

/** What other machines may call this one: its first address in a network, else its name. */
function reachableAt(): string {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  const outer = all.filter(({ internal, scopeid }) => !internal && !scopeid);
  return (outer.find(({ family }) => family === 'IPv4') ?? outer[0])?.address ?? hostname();
}

/** A console's URL as it can be opened on the machines that may reach it. */
function openable(url: string, host: string): string {
  if (!EVERYWHERE.includes(host)) return url;
  const { protocol, port } = new URL(url);
  return `${protocol}//${hostIn(reachableAt())}:${port}/`;
}

/** Where a console is to be. */
export interface ConsoleChoice {
  access: Access;
  /** The addresses to print, for the URL that it has. */
  addresses: (url: string) => string[];
  /** 0 picks a free port. */
  port: number;
}

/**
 * Who may reach a console at `host`, and the addresses to print: one, or for other machines one of each role, with its
 * token. Throws a `UserError` for files that cannot be read.
 */
export async function consoleAccess(
  host: string,
  tlsFiles: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Omit<ConsoleChoice, 'port'>> {
  const tls = await tlsOf(tlsFiles);
  const tokens = isLoopback(host) ? undefined : tokensOf(env);
  return {
    access: { host, ...(tls && { tls }), ...(tokens && { tokens }) },
    addresses: (url) =>
      tokens
        ? ROLES.map((role) => `${openable(url, host)}#token=${tokens[role]} (${role})`)
        : [url],
  };
}
