import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Option } from '@commander-js/extra-typings';
import { type Access, isLoopback } from '../console/access.ts';
import { UserError } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';
import type { Context } from './context.ts';
import { port } from './sharedOptions.ts';

const DEFAULT_PORT = 8484;

const portOrAny = (text: string): number => (text === '0' ? 0 : port(text));

export const consoleOption = () =>
  new Option(
    '--console [port]',
    `show the robot on a page and operate it there, at this port (default: ${DEFAULT_PORT}); 0 takes a free one`,
  )
    .argParser(portOrAny)
    .preset(String(DEFAULT_PORT));

export const consoleHostOption = () =>
  new Option(
    '--console-host <address>',
    'address of the page, for other machines: it then needs --console-tls, and prints a token of each role',
  );

export const consoleTlsOption = () =>
  new Option('--console-tls <cert,key>', 'PEM files of a certificate and its key');

export const CONSOLE_RULES = {
  '--console-host': { with: ['--console'] },
  '--console-tls': { with: ['--console'] },
};

/** What the options say of the console. */
interface Given {
  console?: number | string | true;
  consoleHost?: string;
  consoleTls?: string;
}

const read = (path: string) =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`--console-tls: ${path}: ${reasonOf(error)}`, { cause: error });
  });

async function tlsOf(files: string | undefined): Promise<Access['tls']> {
  if (files === undefined) return undefined;
  const [cert, key, ...rest] = files.split(',');
  if (!cert || !key || rest.length > 0)
    throw new UserError('--console-tls takes two files, as cert.pem,key.pem');
  return { cert: await read(cert), key: await read(key) };
}

const token = () => randomBytes(24).toString('base64url');

/** Tokens from the environment, so that pages stay open over a restart, or new ones. */
const tokensOf = ({ NALU_CONSOLE_OPERATE, NALU_CONSOLE_WATCH }: NodeJS.ProcessEnv) => ({
  operate: NALU_CONSOLE_OPERATE ?? token(),
  watch: NALU_CONSOLE_WATCH ?? token(),
});

/** Where the console is to be, if there is to be one. Throws a `UserError` where that would not be safe. */
export async function consoleOf(
  { console, consoleHost: host = '127.0.0.1', consoleTls }: Given,
  { env }: Pick<Context, 'env'>,
): Promise<{ access: Access; port: number } | undefined> {
  if (console === undefined) return undefined;
  const tls = await tlsOf(consoleTls);
  const tokens = isLoopback(host) ? undefined : tokensOf(env);
  return {
    access: { host, ...(tls && { tls }), ...(tokens && { tokens }) },
    port: Number(console),
  };
}
