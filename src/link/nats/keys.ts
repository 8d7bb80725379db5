import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { UserError, codeOf } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { NATS_NAME, isNatsName } from '../../nats/address.ts';
import { SEED_FILE } from '../../nats/credentials.ts';
import { isKept, writeNewKey } from '../wire/keyFiles.ts';
import { TASKS, permissionsOf } from './permissions.ts';

const PUBLIC_FILE = 'user.pub';
/** Made anew with each robot that is added. */
const USERS_FILE = 'users.conf';
/** The operator's, made once. */
const SERVER_FILE = 'server.conf';

const SERVER = `# nats-server --config ${SERVER_FILE}, in this folder. This file is yours; nalu keys writes ${USERS_FILE} alone.
listen: "0.0.0.0:4222"

# Where episodes and adapters wait on their way. The streams may hold some 3.2 GB.
jetstream {
  store_dir: "store"
  max_file_store: 8GB
}

# To encrypt, with the certificate's authority as ca.pem in each user's folder:
# tls { cert_file: "server.pem", key_file: "server.key" }

include ./${USERS_FILE}
`;

const list = (subjects: readonly string[]) => JSON.stringify(subjects);

/** A user in the server's configuration. */
function userBlock(name: string, key: string): string {
  const { publish, subscribe } = permissionsOf(name);
  return `    # ${name}
    {
      nkey: ${key}
      permissions: {
        publish: { allow: ${list(publish)} }
        subscribe: { allow: ${list(subscribe)} }
      }
    }`;
}

/** The public keys of a folder's users, by name. */
async function usersIn(folder: string): Promise<Map<string, string>> {
  const users = new Map<string, string>();
  for (const entry of (await readdir(folder, { withFileTypes: true })).filter((one) =>
    one.isDirectory(),
  )) {
    const key = await readFile(join(folder, entry.name, PUBLIC_FILE), 'utf8').catch(
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      },
    );
    if (key !== undefined) users.set(entry.name, key.trim());
  }
  return users;
}

function demandNames(robots: readonly string[]): void {
  for (const name of robots) {
    if (!isNatsName(name))
      throw new UserError(`${name}: no robot's name here; give ${NATS_NAME}`, {
        kind: 'invalid',
        subject: name,
      });
    if (name in TASKS)
      throw new UserError(`${name}: no robot's name, the ${name} is called so; give another`, {
        kind: 'invalid',
        subject: name,
      });
  }
}

/**
 * Makes a NATS server's configuration with a user for each robot, for the learner and for a watcher; in a folder that
 * has one, adds robots to it. Gives the files that were written. Overwrites no key. Throws a `UserError`.
 */
export async function makeNatsKeys(folder: string, robots: readonly string[]): Promise<string[]> {
  demandNames(robots);
  await makeFolder(folder, 0o700);
  const users = await usersIn(folder);
  const taken = robots.find((name) => users.has(name));
  if (taken !== undefined) throw isKept(join(folder, taken, PUBLIC_FILE));
  const made: string[] = [];
  const write = async (file: string, text: string, mode: number) => {
    await writeNewKey(join(folder, file), text, mode);
    made.push(file);
  };
  for (const name of new Set([...Object.keys(TASKS), ...robots])) {
    if (users.has(name)) continue;
    const user = createUser();
    await makeFolder(join(folder, name), 0o700);
    await write(join(name, SEED_FILE), `${new TextDecoder().decode(user.getSeed())}\n`, 0o600);
    await write(join(name, PUBLIC_FILE), `${user.getPublicKey()}\n`, 0o644);
    users.set(name, user.getPublicKey());
  }
  const blocks = [...users].map(([name, key]) => userBlock(name, key));
  const text = `# Made by nalu keys --nats.\nauthorization {\n  users: [\n${blocks.join('\n')}\n  ]\n}\n`;
  await writeWhole(join(folder, USERS_FILE), text);
  made.push(USERS_FILE);
  if (!(await isThere(join(folder, SERVER_FILE)))) await write(SERVER_FILE, SERVER, 0o644);
  return made;
}
