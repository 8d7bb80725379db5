import { mkdtemp, rm } from 'node:fs/promises';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLearnerPort } from '../src/link/learner/learnerPort.ts';
import { openPage } from '../test/console/client.ts';
import { childOf } from '../test/console/processOf.ts';
import { NATS, names, policy, putEpisodes } from '../test/link/link.ts';
import { NO_NATS, startNats } from '../test/nats/server.ts';
import { runControl } from './control.ts';
import type { ControlReading } from './controlMain.ts';
import { type Row, median } from './row.ts';

/** Seconds of a run, and runs with and without, in turns. */
const [SECONDS, ROUNDS] = [20, 4];
/** What waits to be sent: more than passes within a run. */
const [EPISODES, EPISODE_BYTES] = [600 * SECONDS, 20_000];
const WATCHERS = 3;

/** A run while the robot's end of the link sends without a pause. */
async function sending(): Promise<ControlReading> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  const server = await startNats();
  const port = await openLearnerPort({
    ...{ folder: join(folder, 'learner'), address: server.address, policy },
    onEpisode: () => undefined,
    log: () => undefined,
  });
  // They are on other machines in life: here they take what the robot leaves.
  for (const pid of [server.pid, childOf(process.pid, 'learnerProcess.js')])
    setPriority(pid, constants.priority.PRIORITY_LOW);
  try {
    const [episodes, adapters] = ['episodes', 'adapters'].map((name) => join(folder, name));
    await putEpisodes(episodes, names(EPISODES), EPISODE_BYTES);
    const address = NATS.as(server.address, 'robot');
    return await runControl(SECONDS, { link: { address, episodes, adapters, policy } });
  } finally {
    await port.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A run while pages watch it. */
const watched = () =>
  runControl(
    SECONDS,
    { console: true },
    {
      async console(url) {
        for (let i = 0; i < WATCHERS; i++) await openPage(url);
      },
    },
  );

/** How late ticks are, in milliseconds, beside something and without it. */
async function lateness(what: string, run: () => Promise<ControlReading>) {
  const [without, beside]: ControlReading[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await runControl(SECONDS, {}));
    beside.push(await run());
  }
  const of = (readings: readonly ControlReading[], figure: 'p50' | 'p99') =>
    readings.map(({ figures }) => figures.lateness![figure]);
  const p99s = [without, beside].map((readings) => of(readings, 'p99'));
  const [alone, together] = p99s.map(median);
  const each = p99s.map((all) => all.map((one) => one.toFixed(2)).join(', '));
  const rows: Row[] = [
    { name: 'tick lateness p99, the loop alone', value: alone, unit: 'ms', note: each[0] },
    { name: `  ${what}`, value: together, unit: 'ms', note: each[1] },
    { name: '  of it', value: together / alone, unit: '×', target: 1.1, better: 'less' },
    { name: '  more', value: together - alone, unit: 'ms' },
    { name: '  median, the loop alone', value: median(of(without, 'p50')), unit: 'ms' },
    { name: `  median, ${what}`, value: median(of(beside, 'p50')), unit: 'ms' },
  ];
  return { rows, beside };
}

/** Whether ticks are as punctual while the link sends and while pages watch as without: four cameras, the policy samples. */
export async function benchControlBeside(): Promise<Row[]> {
  const { rows } = await lateness(`with a console and ${WATCHERS} pages`, watched);
  if (NO_NATS) {
    console.log(`  without the link: ${NO_NATS}`);
    return rows;
  }
  const link = await lateness('while the link sends', sending);
  const rate = median(link.beside.map(({ acknowledged }) => acknowledged! / SECONDS));
  const sent: Row = { name: '  episodes sent meanwhile', value: rate, unit: 'a second' };
  return [...rows, ...link.rows, sent];
}
