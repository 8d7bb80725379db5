import { Option } from '@commander-js/extra-typings';
import { type ConsoleChoice, consoleAccess } from '../console/consoleAccess.ts';
import { LOOPBACK } from '../measure/metrics.ts';
import type { Context } from './context.ts';
import { port } from './sharedOptions.ts';

export const DEFAULT_PORT = 8484;

export const portOrAny = (text: string): number => (text === '0' ? 0 : port(text));

export const consoleOption = () =>
  new Option(
    '--console [port]',
    `show the robot on a page and operate it there, at this port (default: ${DEFAULT_PORT}); 0 takes a free one`,
  )
    .argParser(portOrAny)
    .preset(String(DEFAULT_PORT));

export const learningConsoleOption = () =>
  new Option(
    '--console [port]',
    `show learning on a page, where it can be paused and the robot be given another version, at this port (default: ${DEFAULT_PORT}) or at a free one where that is taken`,
  )
    .argParser(portOrAny)
    .preset(String(DEFAULT_PORT));

export const calibrationConsoleOption = () =>
  new Option(
    '--console [port]',
    `ask on a page instead of here, with all cameras live, at this port (default: ${DEFAULT_PORT}) or at a free one where that is taken`,
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
export interface ConsoleGiven {
  console?: number | string | true;
  consoleHost?: string;
  consoleTls?: string;
}

/** Where the console is to be, if there is to be one. Throws a `UserError` for files that cannot be read. */
export async function consoleOf(
  { console, consoleHost: host = LOOPBACK, consoleTls }: ConsoleGiven,
  { env }: Pick<Context, 'env'>,
): Promise<ConsoleChoice | undefined> {
  if (console === undefined) return undefined;
  return { ...(await consoleAccess(host, consoleTls, env)), port: Number(console) };
}
