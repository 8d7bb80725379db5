import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { folderAddress } from '../../src/link/wire/address.ts';
import { type Courier, type CourierOptions, openCourier } from '../../src/link/robot/courier.ts';
import {
  type LearnerPort,
  type LearnerPortOptions,
  openLearnerPort,
} from '../../src/link/learner/learnerPort.ts';
import { type Adapter, makeAdapter } from '../../src/policy/bundle/adapter.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { trainableParameters } from '../../src/policy/families/pi0/trainable.ts';
import { tinyBundle } from '../learning/tiny.ts';
import { NO_NATS, type NatsServer, startNats } from '../nats/server.ts';

export const BASE = 'aaaaaaaaaaaa';
export const LORA: Trainable = { parameters: 'lora', rank: 2 };
const { family, architecture, cameras } = tinyBundle;
export const policy = {
  base: BASE,
  version: BASE,
  family,
  architecture,
  cameras,
  trainable: LORA,
};

/** Waits, without end, until something is so: the runner's own limit is the only one. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setTimeout(5);
}

/** Random values of what learns of the tiny policy. */
export function randomAdapter(seed: number, change: Partial<Adapter> = {}): Adapter {
  const trainable = change.trainable ?? LORA;
  const parameters = new Map(
    trainableParameters(trainable, tinyBundle.architecture).map(({ name, shape }, i) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: Float32Array.from(gaussianNoise([seed, i], count)) }];
    }),
  );
  return makeAdapter({ trainable, base: BASE, parameters, ...change });
}

/** Writes files as a recorder leaves them: named when whole. The link never looks into one. */
export async function putEpisodes(
  folder: string,
  names: string[],
  bytes = 3000,
): Promise<Map<string, Buffer>> {
  await mkdir(folder, { recursive: true });
  const contents = new Map<string, Buffer>();
  for (const name of names) {
    const content = randomBytes(bytes);
    const path = join(folder, `${name}.mcap`);
    await writeFile(`${path}.partial`, content);
    await rename(`${path}.partial`, path);
    contents.set(name, content);
  }
  return contents;
}

/** The episodes on the learner's disk, by name. */
export async function kept(learner: string): Promise<Map<string, Buffer>> {
  const folder = join(learner, 'episodes');
  const contents = new Map<string, Buffer>();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.mcap')).sort())
    contents.set(file.replace(/\.mcap$/, ''), await readFile(join(folder, file)));
  return contents;
}

export const names = (count: number, prefix = 'episode') =>
  Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(4, '0')}`);

/** How the two sides meet. */
export interface Maker {
  name: string;
  /** Why its tests are skipped; false if they are not. */
  skip: string | false;
  /** Gives the address, and where the way ends with the place what is to be closed. */
  open: (folder: string) => Promise<{ address: string; server?: NatsServer }>;
  /** The address for a robot of that name. */
  as: (address: string, robot: string) => string;
}

export const ZEROMQ: Maker = {
  name: 'ZeroMQ',
  skip: false,
  open: (learner) => Promise.resolve({ address: folderAddress(learner) }),
  as: (address) => address,
};

export const NATS: Maker = {
  name: 'NATS',
  skip: NO_NATS,
  async open() {
    const server = await startNats();
    return { address: server.address, server };
  },
  as: (address, robot) => address.replace('nats://', `nats://${robot}@`),
};

/** Both ways, which keep the same promises. */
export const MAKERS = [ZEROMQ, NATS];

/** A place for both sides; both are closed at its end. */
export interface Place {
  folder: string;
  episodes: string;
  learnerFolder: string;
  address: string;
  /** The server between both, where there is one. */
  server?: NatsServer;
  /** What either side said. */
  learnerLog: string[];
  runtimeLog: string[];
  /** Episodes that the learner's owner heard of. */
  heard: string[];
  adopted: Adapter[];
  openLearner: (change?: Partial<LearnerPortOptions>) => Promise<LearnerPort>;
  openRuntime: (change?: Partial<CourierOptions>, robot?: string) => Promise<Courier>;
}

export async function withPlace(
  body: (place: Place) => Promise<void>,
  maker = ZEROMQ,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-link-'));
  const open: { close(): Promise<void> }[] = [];
  const learnerFolder = join(folder, 'learner');
  const episodes = join(folder, 'episodes');
  const { address, server } = await maker.open(learnerFolder);
  const place: Place = {
    server,
    folder,
    episodes,
    learnerFolder,
    address,
    learnerLog: [],
    runtimeLog: [],
    heard: [],
    adopted: [],
    async openLearner(change = {}) {
      const port = await openLearnerPort({
        folder: learnerFolder,
        address: maker.as(place.address, 'learner'),
        policy,
        onEpisode: ({ name }) => place.heard.push(name),
        log: (line) => place.learnerLog.push(line),
        ...change,
      });
      open.push(port);
      return port;
    },
    async openRuntime(change = {}, robot = 'robot') {
      const courier = await openCourier({
        episodes,
        adapters: join(folder, 'adapters'),
        address: maker.as(place.address, robot),
        policy,
        onAdapter: (adapter) => {
          place.adopted.push(adapter);
          return Promise.resolve();
        },
        log: (line) => place.runtimeLog.push(line),
        ...change,
      });
      open.push(courier);
      return courier;
    },
  };
  try {
    await body(place);
  } finally {
    for (const side of open.reverse()) await side.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  }
}
