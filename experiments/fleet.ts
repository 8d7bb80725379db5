import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { listEpisodes } from '../src/episodes/listEpisodes.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { writeWhole } from '../src/files/writeWhole.ts';
import { type Curve, type CurvePoint, adaptationCurve } from '../src/learning/curve.ts';
import { showFleet } from '../src/link/nats/fleetCommand.ts';
import { readRobots } from '../src/link/learner/store.ts';
import { totalOf, withInterval } from '../src/tensors/successRates.ts';
import { accountOf } from '../test/nats/account.ts';
import { NO_NATS, startNats } from '../test/nats/server.ts';
import { markdownTable } from './markdown.ts';

const HELP = `npm run fleet -- [--minutes N] [--kills N] [--out FOLDER]

A NATS server on loopback, nalu learn and four simulated robots, each a process of its own. In each cell the cameras are
moved by 2 mm into another direction, and gripper, delay and friction differ, so that each robot has a view of its own
to find. Parts are killed on the way, one after another, and started again. At the end it shows the fleet, counts the
episodes that were lost or counted twice, and draws success by robot. Needs nats-server.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    kills: { type: 'string', default: '6' },
    out: { type: 'string', default: 'runs/fleet' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
if (NO_NATS) {
  console.error(NO_NATS);
  process.exit(1);
}
const MINUTES = Number(values.minutes);
const KILLS = Number(values.kills);
const POLICY = packagePath('models/aloha-mini-12k');
/** Attempts of a point of the curve. */
const POINT = 12;

/** Cameras that stand elsewhere in each cell, by a few millimetres. */
const ROBOTS: Record<string, { gap: object; colour: string }> = {
  'cell-1': { gap: { cameraShift: [0.002, 0, 0] }, colour: '#4878a8' },
  'cell-2': { gap: { cameraShift: [-0.002, 0, 0], gripperOffset: 0.01 }, colour: '#b85c38' },
  'cell-3': { gap: { cameraShift: [0, 0.002, 0], delay: 1 }, colour: '#5a8f4f' },
  'cell-4': { gap: { cameraShift: [0, -0.002, 0], friction: 0.9 }, colour: '#80609a' },
};
const NAMES = Object.keys(ROBOTS);
const folder = await mkdtemp(join(tmpdir(), 'nalu-fleet-'));
const server = await startNats();
const as = (name: string) => server.address.replace('//', `//${name}@`);
const learnerFolder = join(folder, 'learner');

const start = (args: readonly string[]) =>
  spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
const PARTS: Record<string, () => ChildProcess> = {
  learner: () =>
    start([
      ...[packagePath('dist/src/cli.js'), 'learn', learnerFolder, '--policy', POLICY],
      ...['--method', 'view', '--address', as('learner'), '--cores', 'shared'],
    ]),
  ...Object.fromEntries(
    NAMES.map((name, i) => [
      name,
      () =>
        start([
          ...[join(import.meta.dirname, 'fleetRobot.js'), join(folder, name), as(name), POLICY],
          ...[JSON.stringify(ROBOTS[name].gap), String(1_000_000 * (i + 1))],
        ]),
    ]),
  ),
};
const running = new Map<string, ChildProcess>();
const began = performance.now();
const say = (text: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`); // prettier-ignore

async function kill(name: string): Promise<void> {
  say(`${name} is killed, and started again`);
  if (name === 'server') {
    await server.kill();
    return server.restart();
  }
  const child = running.get(name)!;
  const ended = once(child, 'exit');
  process.kill(-child.pid!, 'SIGKILL');
  await ended;
  running.set(name, PARTS[name]());
}

/** Kills parts in turns, at equal distances, until the time is over. */
async function disturb(): Promise<void> {
  const parts = ['server', ...Object.keys(PARTS)];
  const until = (moment: number) =>
    setTimeout(Math.max(0, moment * MINUTES * 60_000 - (performance.now() - began)));
  for (let i = 0; i < KILLS; i++) {
    await until((i + 1) / (KILLS + 1));
    await kill(parts[i % parts.length]);
  }
  await until(1);
}

/** Success of each robot's attempts, in the order in which they were made. */
async function curves(): Promise<Curve[]> {
  const robots = await readRobots(learnerFolder);
  const episodes = await listEpisodes(join(learnerFolder, 'episodes'));
  return NAMES.map((name) => {
    const own = episodes.flatMap((episode) =>
      episode.state === 'finished' && robots.get(episode.id) === name
        ? Number(episode.result.outcome === 'success')
        : [],
    );
    const points: CurvePoint[] = [];
    for (let from = 0; from < own.length; from += POINT) {
      const part = own.slice(from, from + POINT);
      const successes = part.reduce((sum, one) => sum + one, 0);
      points.push({ episodes: from, attempts: part.length, successes });
    }
    return { name, colour: ROBOTS[name].colour, points };
  });
}

const rate = (points: readonly CurvePoint[]) => {
  const { attempts, successes, interval } = withInterval(totalOf(points));
  const [low, high] = interval;
  return `${successes} of ${attempts} (${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)} %)`;
};

try {
  for (const [name, open] of Object.entries(PARTS)) running.set(name, open());
  say(`server, learner and ${NAMES.length} robots run for ${MINUTES} minutes; ${KILLS} kills`);
  await disturb();
  say('robots stop, and hand in what they have');
  await Promise.all(
    NAMES.map(async (name) => {
      const child = running.get(name)!;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }),
  );
  for (const line of await showFleet({ address: as('watcher'), isJson: false })) console.log(line);
  const { made, lost, doubled } = await accountOf(NAMES.map((name) => join(folder, name)), learnerFolder); // prettier-ignore
  const drawn = await curves();
  const halves = ({ points }: Curve) => [
    points.slice(0, Math.ceil(points.length / 2)),
    points.slice(Math.ceil(points.length / 2)),
  ];
  console.log(
    markdownTable(
      ['robot', 'first half', 'second half'],
      drawn.map((curve) => [curve.name, ...halves(curve).map(rate)]),
    ),
  );
  await mkdir(values.out, { recursive: true });
  const picture = join(values.out, 'fleet.svg');
  await writeWhole(picture, adaptationCurve(drawn, 'Success by robot'));
  console.log(`${made} episodes, ${KILLS} kills: ${lost} lost, ${doubled} counted twice. ${picture}`); // prettier-ignore
  if (lost + doubled > 0) process.exitCode = 1;
} finally {
  for (const child of running.values())
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended.
    }
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
