import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';
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
      tokens ? ROLES.map((role) => `${url}#token=${tokens[role]} (${role})`) : [url],
  };
}
