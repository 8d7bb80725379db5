import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { childOf } from '../console/processOf.ts';

/** Why tests that need a NATS server are skipped; false where there is one. */
export const NO_NATS: string | false =
  spawnSync('nats-server', ['--version']).status === 0
    ? false
    : 'there is no nats-server here; install it: apt install nats-server';

/** Seconds after which a server ends by itself, whatever became of the test. */
const LONGEST_LIFE = 600;

/** A server on a free port of this machine, with its store in a folder of its own. */
export interface NatsServer {
  /** `nats://127.0.0.1:PORT` */
  readonly address: string;
  readonly folder: string;
  /** Of the server's process, as it runs now. */
  readonly pid: number;
  /** Its log so far. */
  log(): Promise<string>;
  /** Ends it as a lost machine would. */
  kill(): Promise<void>;
  /** Starts it again at its port, from its files. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const CONFIG = 'jetstream { store_dir: "FOLDER/store" }\n';

/** A port of this machine that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What a server's configuration has so that leaf servers may dial it at a port; its JetStream's domain is `hub`. */
export const forLeaves = (port: number) => `leafnodes { listen: "127.0.0.1:${port}" }\n`;

/** The configuration of a leaf server, which has no JetStream and passes on what is asked of it to the hub's. */
export const leafOf = (address: string) =>
  `mappings { "$JS.API.>": "$JS.hub.API.>" }
   leafnodes { reconnect: 1, remotes: [ { url: "${address.replace('nats:', 'nats-leaf:')}" } ] }\n`;

/** The port that a server has found. */
async function portIn(folder: string, server: ChildProcess): Promise<string> {
  while (server.exitCode === null) {
    const file = (await readdir(folder)).find((name) => name.endsWith('.ports'));
    const text = file && (await readFile(join(folder, file), 'utf8'));
    if (text) return new URL((JSON.parse(text) as { nats: string[] }).nats[0]).port;
    await setTimeout(5);
  }
  throw new Error(`nats-server ended: ${await readFile(join(folder, 'log'), 'utf8')}`);
}

/** Starts a server; `config` is its configuration, in which FOLDER stands for its own folder, `life` its seconds at most. */
export async function startNats(config = CONFIG, life = LONGEST_LIFE): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-nats-'));
  const file = join(folder, 'server.conf');
  await writeFile(file, config.replaceAll('FOLDER', folder));
  let port = '-1';
  let server: ChildProcess;
  const start = async () => {
    for (const name of await readdir(folder))
      if (name.endsWith('.ports')) await rm(join(folder, name));
    server = spawn(
      'timeout',
      [`${life}`, 'nats-server', '-c', file, '-a', '127.0.0.1', '-p', port]
        .concat('--ports_file_dir', folder, '-l', join(folder, 'log')),
      { stdio: 'ignore', detached: true },
    ); // prettier-ignore
    port = await portIn(folder, server);
  };
  const end = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    process.kill(-server.pid!, 'SIGKILL');
    await ended;
  };
  await start();
  return {
    address: `nats://127.0.0.1:${port}`,
    folder,
    get pid() {
      return childOf(server.pid!, 'nats-server');
    },
    log: () => readFile(join(folder, 'log'), 'utf8'),
    kill: end,
    restart: start,
    async close() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a test with a server, which ends with it. */
export async function withNats(
  body: (server: NatsServer) => Promise<void>,
  config?: string,
): Promise<void> {
  const server = await startNats(config);
  try {
    await body(server);
  } finally {
    await server.close();
  }
}
