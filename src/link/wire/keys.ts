import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { curveKeyPair } from 'zeromq';
import { UserError } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { reasonOf } from '../../systemErrors.ts';
import { isKept, writeNewKey } from './keyFiles.ts';

export const SIDES = ['learner', 'runtime'] as const;
export type Side = (typeof SIDES)[number];

const secretFile = (side: Side) => `${side}.key`;
const publicFile = (side: Side) => `${side}.pub`;
const PUBLIC = /\.pub$/;
/** 32 bytes in the alphabet of ZeroMQ's RFC 32. */
const KEY = /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;

/** Makes a pair of keys for each side in a folder, all or none; gives the files' names. Overwrites none. */
export async function makeKeys(folder: string): Promise<string[]> {
  await makeFolder(folder, 0o700);
  const keys = SIDES.flatMap((side) => {
    const { publicKey, secretKey } = curveKeyPair();
    return [
      { file: secretFile(side), key: secretKey, mode: 0o600 },
      { file: publicFile(side), key: publicKey, mode: 0o644 },
    ];
  });
  for (const { file } of keys)
    if (await isThere(join(folder, file))) throw isKept(join(folder, file));
  const made: string[] = [];
  try {
    for (const { file, key, mode } of keys) {
      await writeNewKey(join(folder, file), `${key}\n`, mode);
      made.push(file);
    }
  } catch (error) {
    for (const file of made) await rm(join(folder, file));
    throw error;
  }
  return made;
}

async function readKey(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(
      `${path}: cannot be read: ${reasonOf(error)}. nalu keys FOLDER makes the keys of both sides`,
      { cause: error, subject: path },
    );
  });
  const key = text.trim();
  if (!KEY.test(key))
    throw new UserError(`${path}: not a key as nalu keys makes them`, {
      kind: 'invalid',
      subject: path,
    });
  return key;
}

async function readSecret(path: string): Promise<string> {
  const key = await readKey(path);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    throw new UserError(`${path}: others can read this secret key; chmod 600 it`, {
      kind: 'invalid',
      subject: path,
    });
  return key;
}

/** What the learner proves itself with, and the public keys of the runtimes that it serves, by file name. */
export interface LearnerKeys {
  secret: string;
  runtimes: Map<string, string>;
}

/** Reads `learner.key` and each `*.pub` but `learner.pub`. Throws a `UserError`. */
export async function readLearnerKeys(folder: string): Promise<LearnerKeys> {
  const secret = await readSecret(join(folder, secretFile('learner')));
  const names = (await readdir(folder)).filter(
    (name) => PUBLIC.test(name) && name !== publicFile('learner'),
  );
  if (names.length === 0)
    throw new UserError(
      `${folder}: no runtime's public key, so none could connect; put its ${publicFile('runtime')} there`,
      { kind: 'missing', subject: folder },
    );
  const runtimes = new Map<string, string>();
  for (const name of names) runtimes.set(name, await readKey(join(folder, name)));
  return { secret, runtimes };
}

/** A runtime's own pair, and whom it takes adapters from. */
export interface RuntimeKeys {
  secret: string;
  public: string;
  learner: string;
}

/** Reads `runtime.key`, `runtime.pub` and `learner.pub`. Throws a `UserError`. */
export async function readRuntimeKeys(folder: string): Promise<RuntimeKeys> {
  return {
    secret: await readSecret(join(folder, secretFile('runtime'))),
    public: await readKey(join(folder, publicFile('runtime'))),
    learner: await readKey(join(folder, publicFile('learner'))),
  };
}
