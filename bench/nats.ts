import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagePath } from '../src/files/packagePath.ts';
import { openLearnerPort } from '../src/link/learner/learnerPort.ts';
import { openCourier } from '../src/link/robot/courier.ts';
import { writeAdapter } from '../src/policy/bundle/adapter.ts';
import { explorationSchema } from '../src/policy/exploration.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import { type RolloutPool, ownProcesses } from '../src/rollouts/pool.ts';
import type { RolloutSettings } from '../src/rollouts/rolloutWorker.ts';
import { openWorkersPool } from '../src/rollouts/workers/workersPool.ts';
import {
  BASE,
  NATS,
  names,
  policy as tinyPolicy,
  putEpisodes,
  randomAdapter,
  until,
} from '../test/link/link.ts';
import { childOf } from '../test/console/processOf.ts';
import { NO_NATS, type NatsServer, startNats } from '../test/nats/server.ts';
import { residentOf } from './memory.ts';
import { type Row, median, percentile } from './row.ts';

const MINUTE = 60_000;
const TRAINABLE: Trainable = { parameters: 'expert' };
/** Attempts of a round, as many as of an update, and rounds of each pool, in turns: each begins as often. */
const [ATTEMPTS, ROUNDS] = [64, 6];
/** Episodes of a robot, and their bytes: as one of the shipped policy without images. */
const [EPISODES, EPISODE_BYTES] = [20_000, 20_000];
/** Of them, those after which memory is measured first. */
const EARLY = 4000;
const [ROBOTS, ADAPTERS] = [4, 25];

/** Milliseconds that a pool takes for a round of recorded attempts. */
async function roundOf(pool: RolloutPool, folder: string, first: number): Promise<number> {
  const exploration = explorationSchema.parse({});
  const attempts = Array.from({ length: ATTEMPTS }, (_, i) => ({
    ...{ seed: first + i, exploration },
    record: { folder, id: `attempt-${first + i}` },
  }));
  const began = performance.now();
  await pool.run(attempts, () => undefined);
  return performance.now() - began;
}

function startWorker(address: string, processes: number): ChildProcess {
  const cli = packagePath('dist/src/cli.js');
  const options = ['worker', address, '--processes', String(processes)];
  return spawn(process.execPath, [cli, ...options], { stdio: 'ignore' });
}

/** Attempts over NATS beside those of this machine's own processes. */
async function attempts({ address }: NatsServer, folder: string): Promise<Row[]> {
  const processes = availableParallelism();
  const policy = packagePath('models/aloha-mini-12k');
  const settings: RolloutSettings = { policy, task: 'transfer-cube', trainable: TRAINABLE };
  const worker = startWorker(address, processes);
  const own = ownProcesses(settings, processes);
  const far = await openWorkersPool(settings, { address, log: () => undefined });
  try {
    const [ownTimes, farTimes]: number[][] = [[], []];
    for (let round = 0; round <= ROUNDS; round++) {
      const first = round * ATTEMPTS;
      const mine = async () => ownTimes.push(await roundOf(own, join(folder, 'own'), first));
      const theirs = async () => farTimes.push(await roundOf(far, join(folder, 'far'), first));
      for (const pool of round % 2 === 0 ? [mine, theirs] : [theirs, mine]) await pool();
    }
    // The first round opens the policy.
    const rate = (times: readonly number[]) => (ATTEMPTS * MINUTE) / median(times.slice(1));
    const ratio = median(ownTimes.map((time, i) => time / farTimes[i]).slice(1));
    return [
      { name: `attempts by ${processes} processes over NATS`, value: rate(farTimes), unit: 'a minute' }, // prettier-ignore
      { name: '  by as many of its own', value: rate(ownTimes), unit: 'a minute' },
      { name: '  of it', value: ratio, unit: '×', target: 0.95, better: 'more' },
    ];
  } finally {
    await far.close();
    await own.close();
    worker.kill('SIGTERM');
  }
}

/** A learner, and robots that are connected to it. */
async function withLink(
  address: string,
  folder: string,
  robots: number,
  body: (link: Link) => Promise<Row[]>,
): Promise<Row[]> {
  const port = await openLearnerPort({
    ...{ folder: join(folder, 'learner'), address, policy: tinyPolicy },
    onEpisode: () => (link.heard += 1),
    log: () => undefined,
  });
  const played = Array.from({ length: robots }, () => '');
  const couriers = await Promise.all(
    played.map((_, i) =>
      openCourier({
        episodes: join(folder, `robot-${i}`, 'episodes'),
        adapters: join(folder, `robot-${i}`, 'adapters'),
        address: NATS.as(address, `robot-${i}`),
        policy: tinyPolicy,
        onAdapter: ({ version }) => Promise.resolve(void (played[i] = version)),
        log: () => undefined,
      }),
    ),
  );
  const link: Link = { heard: 0, port, couriers, played };
  try {
    return await body(link);
  } finally {
    for (const courier of couriers) await courier.close();
    await port.close();
  }
}

interface Link {
  /** Episodes that are on the learner's disk. */
  heard: number;
  port: Awaited<ReturnType<typeof openLearnerPort>>;
  couriers: Awaited<ReturnType<typeof openCourier>>[];
  /** The version that each robot plays. */
  played: string[];
}

/** Episodes through the server to the learner's disk. */
const episodes = (server: NatsServer, folder: string) =>
  withLink(server.address, folder, 1, async (link) => {
    await until(() => link.couriers[0].status().connected);
    await putEpisodes(join(folder, 'robot-0', 'episodes'), names(EPISODES), EPISODE_BYTES);
    const ends = [
      ["robot's link", childOf(process.pid, 'courierProcess.js')],
      ["learner's link", childOf(process.pid, 'learnerProcess.js')],
      ['server', server.pid],
    ] as const;
    const memory = () => ends.map(([, pid]) => residentOf(pid));
    const began = performance.now();
    link.couriers[0].notify();
    await until(() => link.heard >= EARLY);
    const early = memory();
    await until(() => link.heard === EPISODES);
    const rate = (1000 * EPISODES) / (performance.now() - began);
    const late = memory();
    const name = `episodes of ${EPISODE_BYTES / 1000} kB to the learner's disk`;
    return [
      { name, value: rate, unit: 'a second', target: 200, better: 'more' },
      ...ends.map(([end], i) => ({
        ...{ name: `  memory of the ${end} after ${EPISODES}`, value: late[i], unit: 'MiB' },
        note: `${early[i].toFixed(0)} after ${EARLY}`,
      })),
    ];
  });

/** Adapters from the learner until each robot plays them. */
const adapters = ({ address }: NatsServer, folder: string) =>
  withLink(address, folder, ROBOTS, async ({ port, couriers, played }) => {
    await until(() => couriers.every((courier) => courier.status().connected));
    const times: number[] = [];
    let parent = BASE;
    for (let seed = 0; seed < ADAPTERS; seed++) {
      const adapter = randomAdapter(seed);
      const file = join(folder, 'adapter.safetensors');
      await writeAdapter(file, adapter);
      const began = performance.now();
      await port.publish(file, parent);
      await until(() => played.every((version) => version === adapter.version));
      times.push((performance.now() - began) / 1000);
      parent = adapter.version;
    }
    const value = percentile(times, 0.99);
    const note = `median ${median(times).toPrecision(2)} s`;
    return [
      { name: `an adapter to ${ROBOTS} robots that play it, p99`, value, unit: 's', target: 2, better: 'less', note }, // prettier-ignore
    ];
  });

/** The link and the workers over Debian's NATS server on this machine. */
export async function benchNats(): Promise<Row[]> {
  if (NO_NATS) {
    console.log(`  skipped: ${NO_NATS}`);
    return [];
  }
  const rows: Row[] = [];
  for (const measure of [episodes, adapters, attempts]) {
    const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-nats-'));
    const server = await startNats();
    try {
      rows.push(...(await measure(server, folder)));
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  }
  return rows;
}
