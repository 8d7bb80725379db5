import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Authenticator,
  type TlsOptions,
  credsAuthenticator,
  nkeyAuthenticator,
} from '@nats-io/transport-node';
import { UserError, codeOf } from '../errors.ts';
import { unreadable } from '../systemErrors.ts';

/** A seed of an NKey, as `nalu keys --nats` and nsc write it. */
export const SEED_FILE = 'user.nk';
/** A user's token and seed, as nsc writes them. */
const CREDENTIALS_FILE = 'user.creds';
/** The authority that signed the server's certificate, where that is not a public one. */
const AUTHORITY_FILE = 'ca.pem';

/** What proves to a NATS server who dials, and to whom it speaks. */
export interface NatsCredentials {
  authenticator: Authenticator;
  /** Absent: the connection is encrypted only if the server demands it. */
  tls?: TlsOptions;
}

const SEED = /^SU[A-Z2-7]{56}$/;
const TOKEN = /BEGIN NATS USER JWT[^]*BEGIN USER NKEY SEED/;

const read = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  });

async function readSecret(path: string): Promise<Uint8Array | undefined> {
  const text = await read(path);
  if (text === undefined) return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    throw new UserError(`${path}: others can read this secret key; chmod 600 it`, {
      kind: 'invalid',
      subject: path,
    });
  const expected = path.endsWith(SEED_FILE) ? SEED : TOKEN;
  if (!expected.test(text.trim()))
    throw new UserError(`${path}: not what nalu keys --nats or nsc write there`, {
      kind: 'invalid',
      subject: path,
    });
  return new TextEncoder().encode(text.trim());
}

/** Reads `user.nk` or `user.creds` of a folder, and `ca.pem` where it is there. Throws a `UserError`. */
export async function readNatsCredentials(folder: string): Promise<NatsCredentials> {
  const seed = await readSecret(join(folder, SEED_FILE));
  const credentials = await readSecret(join(folder, CREDENTIALS_FILE));
  if (!seed && !credentials)
    throw new UserError(
      `${folder}: has neither ${SEED_FILE} nor ${CREDENTIALS_FILE}; make keys with nalu keys FOLDER --nats, and give the folder of one of its users`,
      { kind: 'missing', subject: folder },
    );
  const ca = await read(join(folder, AUTHORITY_FILE));
  return {
    authenticator: seed ? nkeyAuthenticator(seed) : credsAuthenticator(credentials!),
    ...(ca !== undefined && { tls: { ca } }),
  };
}
