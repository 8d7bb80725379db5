import { mkdir, open, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { curveKeyPair } from 'zeromq';
import { UserError, codeOf, messageOf } from '../errors.ts';

export const SIDES = ['learner', 'runtime'] as const;
export type Side = (typeof SIDES)[number];

const secretFile = (side: Side) => `${side}.key`;
const publicFile = (side: Side) => `${side}.pub`;
const PUBLIC = /\.pub$/;
/** 32 bytes in the alphabet of ZeroMQ's RFC 32. */
const KEY = /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new UserError(
      codeOf(error) === 'EEXIST'
        ? `${path}: there is a key already, and who has it would be shut out; choose another folder, or remove it`
        : `${path}: cannot be written: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Makes a pair of keys for each side in a folder; gives the files' names. Overwrites none. */
export async function makeKeys(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files: string[] = [];
  for (const side of SIDES) {
    const { publicKey, secretKey } = curveKeyPair();
    await writeNew(join(folder, secretFile(side)), `${secretKey}\n`, 0o600);
    await writeNew(join(folder, publicFile(side)), `${publicKey}\n`, 0o644);
    files.push(secretFile(side), publicFile(side));
  }
  return files;
}

async function readKey(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(
      `${path}: cannot be read: ${messageOf(error)}. nalu keys FOLDER makes the keys of both sides`,
      { cause: error },
    );
  });
  const key = text.trim();
  if (!KEY.test(key)) throw new UserError(`${path}: not a key as nalu keys makes them`);
  return key;
}

async function readSecret(path: string): Promise<string> {
  const key = await readKey(path);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    throw new UserError(`${path}: others can read this secret key; chmod 600 it`);
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
