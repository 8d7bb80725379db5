import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openLearnerPort } from '../../src/link/learner/learnerPort.ts';
import { type Courier, openCourier } from '../../src/link/robot/courier.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { mountSmallDisk } from '../episodes/smallDisk.ts';
import { NATS, policy } from '../link/link.ts';
import { accountOf, episodesIn } from './account.ts';
import { type Relay, startRelay } from './relay.ts';
import { type NatsServer, startNats } from './server.ts';

/** Of the disks that are filled. */
const DISK_BYTES = 2 ** 30;
/** Milliseconds. */
const LONGEST_PAUSE = 1500;
const LONGEST_FAULT = 4000;
const LONGEST_RECOVERY = 60_000;
/** Faults after which all parts must get through again. */
const ROUND = 5;
const LINK = join(import.meta.dirname, '../link');
const DAY_OFF = ['--import', `file://${join(LINK, 'dayOff.js')}`];

export interface CampaignOptions {
  faults: number;
  seed: number;
  robots: number;
  log: (line: string) => void;
}

/** What came of a campaign. */
export interface Account extends Awaited<ReturnType<typeof accountOf>> {
  /** Of each kind. */
  faults: Record<string, number>;
  /** Versions that robots took over, and those of them that were not what they are called. */
  versions: number;
  halfApplied: number;
  /** Rounds after which something did not get through again in time. */
  stuck: number;
  seconds: number;
}

/** A process of the campaign, which is killed and started again. */
class Part {
  readonly name: string;
  readonly relay: Relay;
  readonly folder: string;
  readonly heard: string[] = [];
  private readonly program: string;
  private readonly argsOf: (life: number) => string[];
  private child: ChildProcess | undefined;
  private lives = 0;

  constructor(
    { name, relay, folder, program }: Pick<Part, 'name' | 'relay' | 'folder'> & { program: string },
    argsOf: (life: number) => string[],
  ) {
    this.name = name;
    this.relay = relay;
    this.folder = folder;
    this.program = join(LINK, program);
    this.argsOf = argsOf;
  }

  /** Starts it, and again whenever it ends by itself, as a learner without its server. */
  start(flags: readonly string[] = []): void {
    const args = [...flags, this.program, ...this.argsOf(this.lives++)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
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

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** What it has said of a kind. */
  said = (what: string) =>
    this.heard.filter((line) => line.startsWith(`${what} `)).map((line) => line.split(' ')[1]);
}

type Disk = NonNullable<Awaited<ReturnType<typeof mountSmallDisk>>>;

interface Field {
  folder: string;
  server: NatsServer;
  learner: Part;
  robots: Part[];
  /** The one that comes under another one's name, from a folder of its own. */
  impostor: Part;
  /** By what has it; none where no disk may be mounted. */
  disks: Map<'server' | 'learner' | 'robot', Disk>;
  close(): Promise<void>;
}

const robotArgs = ({ folder, relay }: Pick<Part, 'folder' | 'relay'>, name: string, prefix: string) => (life: number) => [
  ...[join(folder, 'episodes'), join(folder, 'adapters'), NATS.as(relay.address, name)],
  ...[`${prefix}-life${life}`, '100000', '400', '600000'],
]; // prettier-ignore

async function openField(count: number): Promise<Field> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-campaign-'));
  const disks: Field['disks'] = new Map();
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
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
  const store = await place('server', 'server');
  const server = await startNats(
    `jetstream { store_dir: "${store}/store", max_file_store: 8GB }\n`,
  );
  closing.push(() => server.close());
  const relayed = async () => {
    const relay = await startRelay(server.address);
    closing.push(() => relay.close());
    return relay;
  };
  const robotAt = async (name: string, as = name, of?: 'robot') => {
    const at = { relay: await relayed(), folder: await place(name, of) };
    return new Part({ ...at, name, program: 'runtimeMain.js' }, robotArgs(at, as, name));
  };
  const robots: Part[] = [];
  for (let i = 1; i <= count; i++)
    robots.push(await robotAt(`cell-${i}`, undefined, i === 1 ? 'robot' : undefined));
  const impostor = await robotAt('impostor', 'cell-1');
  const at = { relay: await relayed(), folder: await place('learner', 'learner') };
  const learner = new Part({ ...at, name: 'learner', program: 'learnerMain.js' }, () => [
    at.folder,
    NATS.as(at.relay.address, 'learner'),
  ]);
  return {
    ...{ folder, server, learner, robots, impostor, disks },
    async close() {
      for (const part of [learner, impostor, ...robots]) await part.kill();
      for (const close of closing.reverse()) await close();
    },
  };
}

/** What can go wrong, by name: what it happens to, and how long that is away. */
type Faults = Record<string, { at: () => string; happen: (at: string) => Promise<void> }>;

function faultsOf({ server, learner, robots, impostor, disks }: Field, draw: () => number): Faults {
  const oneOf = <T>(choice: readonly T[]) => choice[Math.floor(draw() * choice.length)];
  const parts = new Map([learner, ...robots].map((part) => [part.name, part]));
  const anyPart = () => oneOf([...parts.keys()]);
  const anyRobot = () => oneOf(robots).name;
  const aWhile = () => setTimeout(draw() * LONGEST_FAULT);
  const again = async (name: string, flags?: readonly string[]) => {
    const part = parts.get(name)!;
    await part.kill();
    part.start(flags);
  };
  const unlinked = (act: 'cut' | 'hush') => async (name: string) => {
    const { relay } = parts.get(name)!;
    relay[act]();
    await aWhile();
    relay.mend();
  };
  const full = async (of: 'server' | 'learner' | 'robot') => {
    const disk = disks.get(of)!;
    await disk.fill();
    await aWhile();
    await disk.empty();
  };
  return {
    'server killed': {
      at: () => 'server',
      async happen() {
        await server.kill();
        await setTimeout((draw() * LONGEST_FAULT) / 2);
        await server.restart();
      },
    },
    'learner killed': { at: () => 'learner', happen: (name) => again(name) },
    'robot killed': { at: anyRobot, happen: (name) => again(name) },
    'clock a day off': { at: anyPart, happen: (name) => again(name, DAY_OFF) },
    'link cut': { at: anyPart, happen: unlinked('cut') },
    'link silent': { at: anyPart, happen: unlinked('hush') },
    'name taken twice': {
      at: () => 'impostor',
      async happen() {
        impostor.start();
        await setTimeout(1000);
        await aWhile();
        await impostor.kill();
      },
    },
    ...(disks.size > 0 && {
      "learner's disk full": { at: () => 'learner', happen: () => full('learner') },
      "robot's disk full": { at: () => 'cell-1', happen: () => full('robot') },
      // A server that met a full disk keeps nothing more until it is started again.
      "server's disk full": {
        at: () => 'server',
        async happen() {
          await full('server');
          await server.kill();
          await server.restart();
        },
      },
    }),
  };
}

/** Kinds of faults in drawn order, each as often as the others. */
function drawnKinds(names: readonly string[], count: number, draw: () => number): string[] {
  const all: string[] = [];
  while (all.length < count)
    all.push(...[...names].map((name) => ({ name, at: draw() })).sort((a, b) => a.at - b.at).map(({ name }) => name)); // prettier-ignore
  return all.slice(0, count);
}

/** Waits until something is so; false where it is not within the time that recovery may take. */
async function inTime(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const last = performance.now() + LONGEST_RECOVERY;
  while (!(await isSo())) {
    if (performance.now() > last) return false;
    await setTimeout(20);
  }
  return true;
}

/** Whether each robot's episodes, and the learner's versions, get through again. */
async function recovers({ learner, robots }: Field): Promise<string[]> {
  const began = new Map(robots.map((part) => [part, part.said('adapter').length]));
  const due = await Promise.all(
    robots.map(async ({ folder }) => (await episodesIn(folder)).at(-1)),
  );
  const missing = async () => {
    const there = new Set(await episodesIn(learner.folder));
    return [
      ...due.filter((file) => file !== undefined && !there.has(file)),
      ...robots
        .filter((part) => part.said('adapter').length === began.get(part))
        .map(({ name }) => `${name}'s version`),
    ];
  };
  return (await inTime(async () => (await missing()).length === 0))
    ? []
    : ((await missing()) as string[]);
}

/** Has robots and learner hand over what is left. */
async function handOver(
  { server, learner, robots, impostor, folder }: Field,
  log: (line: string) => void,
): Promise<void> {
  const silent = () => undefined;
  const port = await openLearnerPort({
    ...{ folder: learner.folder, address: NATS.as(server.address, 'learner'), policy },
    ...{ onEpisode: silent, log: silent },
  });
  const couriers: Courier[] = [];
  for (const part of [...robots, impostor]) {
    const [episodes, adapters] = [join(part.folder, 'episodes'), join(folder, `${part.name}-last`)];
    const address = NATS.as(server.address, part.name);
    couriers.push(
      await openCourier({ ...{ episodes, adapters, address, policy }, onAdapter: () => Promise.resolve(), log: silent }), // prettier-ignore
    );
  }
  const isDone = (courier: Courier) => courier.status().connected && courier.status().pending === 0;
  if (!(await inTime(() => couriers.every(isDone))))
    for (const courier of couriers) log(`not handed over: ${JSON.stringify(courier.status())}`);
  for (const courier of couriers) await courier.close();
  await port.close();
}

/**
 * Robots and a learner, each a process of its own, at a NATS server, to which faults happen at random moments: the next
 * while others still last, never two to one part. Every few faults all must get through again, in a minute.
 */
export async function campaign({ faults, seed, robots, log }: CampaignOptions): Promise<Account> {
  const field = await openField(robots);
  const began = performance.now();
  const now = () => `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s`;
  try {
    const draw = uniformNumbers(seed);
    const known = faultsOf(field, draw);
    if (field.disks.size === 0) log('no disk may be mounted here: none will be full');
    for (const part of [field.learner, ...field.robots]) part.start();
    const busy = new Map<string, Promise<void>>();
    const counts: Record<string, number> = {};
    let stuck = 0;
    for (const [i, kind] of drawnKinds(Object.keys(known), faults, draw).entries()) {
      await setTimeout(draw() * LONGEST_PAUSE);
      const { at, happen } = known[kind];
      const whom = at();
      await busy.get(whom);
      log(`${now()}  ${kind}: ${whom}`);
      counts[kind] = (counts[kind] ?? 0) + 1;
      busy.set(whom, happen(whom));
      if ((i + 1) % ROUND > 0 && i + 1 < faults) continue;
      await Promise.all(busy.values());
      const missing = await recovers(field);
      stuck += Number(missing.length > 0);
      if (missing.length === 0) continue;
      log(`${now()}  did not get through in time: ${missing.join(', ')}`);
      for (const { name, heard } of [field.learner, ...field.robots])
        for (const line of heard.slice(-8)) log(`        ${name}: ${line}`);
    }
    for (const part of [field.learner, ...field.robots]) await part.kill();
    await handOver(field, log);
    const seconds = Math.round((performance.now() - began) / 1000);
    const { learner, robots: parts, impostor } = field;
    const folders = [...parts, impostor].map(({ folder }) => folder);
    const said = (what: string) => parts.reduce((sum, part) => sum + part.said(what).length, 0);
    return {
      ...{ faults: counts, stuck, seconds },
      ...(await accountOf(folders, learner.folder)),
      ...{ versions: said('adapter'), halfApplied: said('half') },
    };
  } finally {
    await field.close();
  }
}
