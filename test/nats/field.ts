import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { packagePath } from '../../src/files/packagePath.ts';
import { createQueue } from '../../src/processes/queue.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { mountSmallDisk } from '../episodes/smallDisk.ts';
import { NATS } from '../link/link.ts';
import { type Relay, startRelay } from './relay.ts';
import { type NatsServer, forLeaves, freePort, leafOf, startNats } from './server.ts';

/** Of the disks that are filled. */
const DISK_BYTES = 2 ** 30;
/** Seconds that a server lives, which is killed long before that. */
const LIFE = 7200;
const LINK = join(import.meta.dirname, '../link');
const CLI = packagePath('dist/src/cli.js');

/** A process of a campaign, which is killed and started again. */
export class Part {
  readonly name: string;
  /** Its way to the server; absent where it takes none. */
  readonly relay: Relay | undefined;
  readonly folder: string;
  readonly heard: string[] = [];
  private readonly argsOf: (life: number) => string[];
  /** What starts it, before Node.js. */
  private readonly before: readonly string[];
  private readonly inOrder = createQueue();
  private child: ChildProcess | undefined;
  private lives = 0;

  constructor(
    { name, relay, folder }: Pick<Part, 'name' | 'relay' | 'folder'>,
    argsOf: (life: number) => string[],
    before: readonly string[] = [],
  ) {
    this.name = name;
    this.relay = relay;
    this.folder = folder;
    this.argsOf = argsOf;
    this.before = before;
  }

  /** Starts it, and again whenever it ends by itself, as a learner without its server. */
  start(flags: readonly string[] = []): void {
    const [command, ...args] = [...this.before, process.execPath, ...flags, ...this.argsOf(this.lives++)]; // prettier-ignore
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.child = child;
    let rest = '';
    child.stdout.on('data', (data: Buffer) => {
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop()!;
      this.heard.push(...lines);
    });
    child.on('exit', (code) => {
      this.heard.push(`ended with ${code}`);
      if (code !== null) void setTimeout(500).then(() => this.child === child && this.start(flags));
    });
  }

  kill(): Promise<void> {
    return this.inOrder(async () => {
      const { child } = this;
      this.child = undefined;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    });
  }

  /** Kills it, and starts it again. */
  async again(flags?: readonly string[]): Promise<void> {
    await this.kill();
    await this.inOrder(() => this.child ?? this.start(flags));
  }

  /** What it has said of a kind. */
  said = (what: string) =>
    this.heard.filter((line) => line.startsWith(`${what} `)).map((line) => line.split(' ')[1]);
}

export type Disk = NonNullable<Awaited<ReturnType<typeof mountSmallDisk>>>;

export interface Field {
  folder: string;
  server: NatsServer;
  learner: Part;
  /** The last one dials a leaf server of its own. */
  robots: Part[];
  leaf: NatsServer;
  /** The one that comes under another one's name, from a folder of its own. */
  impostor: Part;
  /** A process that does nothing but keep control steps. */
  idle: Part;
  /** `nalu adapt --workers` and its workers; none where there are no workers. */
  adapt: Part | undefined;
  workers: Part[];
  /** By what has it; none where no disk may be mounted. */
  disks: Map<'server' | 'learner' | 'robot', Disk>;
  close(): Promise<void>;
}

export interface FieldSize {
  robots: number;
  workers: number;
}

/** A folder in which parts have their places and their ways to a server; all is closed in the order in which it came. */
async function openGround() {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-campaign-'));
  const disks: Field['disks'] = new Map();
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const keep = <T extends { close(): Promise<unknown> }>(opened: T): T => {
    closing.push(() => opened.close());
    return opened;
  };
  const place = async (name: string, of?: 'server' | 'learner' | 'robot') => {
    const path = join(folder, name);
    await mkdir(path);
    const disk = of && (await mountSmallDisk(path, DISK_BYTES));
    if (disk) {
      disks.set(of, disk);
      closing.push(() => disk.unmount());
    }
    return path;
  };
  const close = async () => {
    for (const end of closing.reverse()) await end();
  };
  return { folder, disks, keep, place, close };
}

const robotArgs = (folder: string, address: string, prefix: string) => (life: number) => [
  ...[join(LINK, 'runtimeMain.js'), join(folder, 'episodes'), join(folder, 'adapters'), address],
  ...[`${prefix}-life${life}`, '100000', '400', '600000'],
];

/** A run of attempts of a tiny policy, and the workers that make them. */
async function openWork(
  { folder, place, keep }: Awaited<ReturnType<typeof openGround>>,
  server: NatsServer,
  count: number,
) {
  const policy = join(folder, 'policy');
  if (count > 0) await writeTinyAloha(policy);
  const part = async (name: string, argsOf: (address: string, folder: string) => string[]) => {
    const at = { name, relay: keep(await startRelay(server.address)), folder: await place(name) };
    const args = [CLI, ...argsOf(NATS.as(at.relay.address, name), at.folder)];
    // Attempts take all of a processor that they get.
    return new Part(at, () => args, ['nice', '-n', '5']);
  };
  const adapt = (address: string, run: string) => [
    ...['adapt', run, '--policy', policy, '--method', 'offset', '--batch', '4'],
    ...['--episodes', '100000', '--attempts', '0', '--workers', address],
  ];
  const workers: Part[] = [];
  for (let i = 1; i <= count; i++)
    workers.push(await part(`worker-${i}`, (address) => ['worker', address, '--processes', '1']));
  return { adapt: count > 0 ? await part('adapt', adapt) : undefined, workers };
}

/** Opens a server and all that meets at it; nothing is started yet but the servers. */
export async function openField({ robots: count, workers }: FieldSize): Promise<Field> {
  const ground = await openGround();
  const { folder, disks, place, keep } = ground;
  const port = await freePort();
  const store = await place('server', 'server');
  const server = keep(
    await startNats(
      `jetstream { store_dir: "${store}/store", max_file_store: 8GB, domain: hub }\n${forLeaves(port)}`,
      LIFE,
    ),
  );
  const relayed = async () => keep(await startRelay(server.address));
  const robotAt = async (name: string, as = name, of?: 'robot') => {
    const at = { name, relay: await relayed(), folder: await place(name, of) };
    return new Part(at, robotArgs(at.folder, NATS.as(at.relay.address, as), name));
  };
  const robots: Part[] = [];
  for (let i = 1; i < count; i++)
    robots.push(await robotAt(`cell-${i}`, undefined, i === 1 ? 'robot' : undefined));
  const last = `cell-${count}`;
  const way = keep(await startRelay(`nats://127.0.0.1:${port}`));
  const leaf = keep(await startNats(leafOf(way.address), LIFE));
  const afar = { name: last, relay: way, folder: await place(last) };
  robots.push(new Part(afar, robotArgs(afar.folder, NATS.as(leaf.address, last), last)));
  const impostor = await robotAt('impostor', 'cell-1');
  const at = { name: 'learner', relay: await relayed(), folder: await place('learner', 'learner') };
  const learner = new Part(at, () => [
    ...[join(LINK, 'learnerMain.js'), at.folder, NATS.as(at.relay.address, 'learner')],
  ]);
  const idle = new Part({ name: 'idle', relay: undefined, folder }, () => [join(LINK, 'tickMain.js')]); // prettier-ignore
  const work = await openWork(ground, server, workers);
  return {
    ...{ folder, server, learner, robots, leaf, impostor, idle, ...work, disks },
    async close() {
      const all = [learner, impostor, idle, ...robots, ...work.workers];
      for (const part of work.adapt ? [...all, work.adapt] : all) await part.kill();
      await ground.close();
    },
  };
}
