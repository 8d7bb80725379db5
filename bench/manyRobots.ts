import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openLearnerPort } from '../src/link/learner/learnerPort.ts';
import { openProcess } from '../src/processes/child.ts';
import { childOf } from '../test/console/processOf.ts';
import { policy, until } from '../test/link/link.ts';
import { NO_NATS, startNats } from '../test/nats/server.ts';
import type { CrowdFunctions, CrowdWork } from './manyRobotsMain.ts';
import { residentOf } from './memory.ts';
import { type Row, median, percentile } from './row.ts';

const [ROBOTS, PROCESSES] = [1000, 4];
/** Seconds between two episodes of a robot, as an attempt and a reset take at the least, and their bytes. */
const [EVERY, BYTES] = [20, 20_000];
/** Seconds before the end of the run after which the server ends by itself, if this ends first. */
const SPARE = 300;

/** The programs of the robots; all are connected. */
async function openCrowd(address: string, folder: string) {
  const module = new URL('./manyRobotsMain.js', import.meta.url);
  const count = ROBOTS / PROCESSES;
  const crowd = await Promise.all(
    Array.from({ length: PROCESSES }, (_, i) => {
      const data: CrowdWork = { address, folder, first: i * count, count, policy };
      return openProcess<CrowdFunctions>(module, { name: 'a process of robots', data });
    }),
  );
  const connected = async () => {
    const counts = await Promise.all(crowd.map((robots) => robots.ask('connected')));
    return counts.reduce((a, b) => a + b);
  };
  await until(async () => (await connected()) === ROBOTS);
  return crowd;
}

/** Lines of what a learner has received. */
async function received(folder: string): Promise<string[]> {
  return (await readFile(join(folder, 'received.txt'), 'utf8')).trimEnd().split('\n');
}

/** A thousand robots of one learner over one server: what waits for an acknowledgement, and whether all get one. */
export async function benchManyRobots(minutes: number): Promise<Row[]> {
  if (NO_NATS) {
    console.log(`  skipped: ${NO_NATS}`);
    return [];
  }
  const seconds = 60 * minutes;
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-robots-'));
  const server = await startNats(undefined, seconds + SPARE);
  const learner = join(folder, 'learner');
  let heard = 0;
  const port = await openLearnerPort({
    ...{ folder: learner, address: server.address, policy },
    onEpisode: () => (heard += 1),
    log: (line) => console.error(`  ${line}`),
  });
  try {
    const crowd = await openCrowd(server.address, folder);
    const pids = [childOf(process.pid, 'learnerProcess.js'), server.pid];
    const runs = crowd.map((robots) => robots.ask('run', seconds, EVERY, BYTES));
    await setTimeout((1000 * seconds) / 5);
    const memory = () => pids.map((pid) => residentOf(pid));
    const early = memory();
    const readings = await Promise.all(runs);
    const late = memory();
    await Promise.all(crowd.map((robots) => robots.close()));

    const times = readings.flatMap((one) => one.times);
    const lines = await received(learner);
    for (const line of readings.flatMap(({ said }) => said).slice(0, 5)) console.error(`  ${line}`);
    const recorded = readings.reduce((sum, one) => sum + one.recorded, 0);
    return [
      { name: `episodes of ${ROBOTS} robots`, value: recorded, unit: '', note: `${(recorded / seconds).toFixed(1)} a second, ${BYTES / 1000} kB each; health of each once a second` }, // prettier-ignore
      { name: '  until acknowledged, p99', value: percentile(times, 0.99), unit: 'ms', target: 250, better: 'less' }, // prettier-ignore
      { name: '  median', value: median(times), unit: 'ms' },
      { name: '  largest', value: percentile(times, 1), unit: 'ms' },
      { name: '  not acknowledged', value: recorded - times.length, unit: '', target: 0, better: 'less' }, // prettier-ignore
      { name: "  not on the learner's disk", value: recorded - new Set(lines).size, unit: '', target: 0, better: 'less' }, // prettier-ignore
      { name: '  counted twice', value: heard - recorded, unit: '', target: 0, better: 'less' },
      ...["learner's link", 'server'].map((name, i) => ({
        ...{ name: `  memory of the ${name} at the end`, value: late[i], unit: 'MiB' },
        note: `${early[i].toFixed(0)} after a fifth of the time`,
      })),
    ];
  } finally {
    await port.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
