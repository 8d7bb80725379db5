import type { IncomingMessage } from 'node:http';
import { UserError } from '../errors.ts';
import { isSameSecret } from '../secrets.ts';
import type { Role } from './protocol.ts';

/** Who may reach the console. */
export interface Access {
  /** The address that it listens at. */
  host: string;
  /** PEM of a certificate and its key; where they are given, pages are served by TLS. */
  tls?: { cert: string; key: string };
  /** What pages must know for each role; absent where everybody on this machine may operate. */
  tokens?: Record<Role, string>;
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|\[?::1\]?)$/;

/** Whether an address is one of this machine alone. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** Throws a `UserError` for a console that other machines could reach without TLS or without a token. */
export function demandSafe({ host, tls, tokens }: Access): void {
  if (isLoopback(host)) return;
  if (!tls)
    throw new UserError(
      `the console at ${host} could be reached from other machines without TLS; give --console-tls CERT,KEY, or leave it at 127.0.0.1 and come through a tunnel (ssh -L)`,
      { kind: 'unsaid', subject: host, fields: ['--console-tls'] },
    );
  if (!tokens)
    throw new UserError(
      `the console at ${host} can be reached from other machines: it needs tokens`,
      { kind: 'unsaid', subject: host, fields: ['tokens'] },
    );
}

/**
 * Why a connection is refused, as an HTTP status line; undefined for one that is not. A page of another site is told
 * apart by its origin; at a loopback address, a name of another site that leads here by its host.
 */
export function refusalOf(request: IncomingMessage, { host }: Access): string | undefined {
  const { host: asked = '', origin } = request.headers;
  const name = asked.replace(/:\d+$/, '');
  if (isLoopback(host) && !isLoopback(name)) return '421 Misdirected Request';
  if (origin === undefined) return undefined;
  const from = URL.canParse(origin) ? new URL(origin).host : '';
  return from === asked ? undefined : '403 Forbidden';
}

/** The role that a token gives; undefined if it gives none. */
export function roleOf({ tokens }: Access, token: string | undefined): Role | undefined {
  if (!tokens) return 'operate';
  return (['operate', 'watch'] as const).find((role) => isSameSecret(token ?? '', tokens[role]));
}
