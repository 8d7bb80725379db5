import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openLearnerPort } from '../../src/link/learner/learnerPort.ts';
import { type Courier, openCourier } from '../../src/link/robot/courier.ts';
import { type Percentiles, createDistribution } from '../../src/measure/distribution.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { NATS, policy } from '../link/link.ts';
import { accountOf, episodesIn } from './account.ts';
import { drawnKinds, faultsOf } from './faults.ts';
import { type Field, type FieldSize, type Part, openField } from './field.ts';

/** Milliseconds. */
const LONGEST_PAUSE = 1500;
const LONGEST_RECOVERY = 60_000;
/** Faults after which all parts must get through again. */
const ROUND = 5;

export interface CampaignOptions extends FieldSize {
  faults: number;
  seed: number;
  log: (line: string) => void;
}

/** What came of a campaign. */
export interface Account extends Awaited<ReturnType<typeof accountOf>> {
  /** Of each kind. */
  faults: Record<string, number>;
  /** Versions that robots took over, and those of them that were not what they are called. */
  versions: number;
  halfApplied: number;
  /** Of `nalu adapt --workers`: attempts that were learned from, and those of them that came twice or never. */
  attempts: { made: number; doubled: number; lost: number };
  /** Rounds after which something did not get through again in time. */
  stuck: number;
  /** Seconds after the last fault of each round until episodes and versions, and attempts, got through again. */
  recoveries: { link: number[]; attempts: number[] };
  /** How late control steps were, ms: the robots', and those of a process that does nothing else. */
  late: { robots: Percentiles | null; idle: Percentiles | null };
  seconds: number;
}

/** Attempts that a run has learned from, each by its seed, in the order in which they came. */
async function seedsOf({ adapt }: Field): Promise<number[]> {
  if (!adapt) return [];
  const file = join(adapt.folder, 'learner', 'received.txt');
  const text = await readFile(file, 'utf8').catch(() => '');
  return [...text.matchAll(/ transfer-cube-(\d+)/g)].map(([, seed]) => Number(seed));
}

/** Of each batch that was begun all but the last are there. */
async function attemptsOf(field: Field): Promise<Account['attempts']> {
  const seeds = await seedsOf(field);
  const distinct = new Set(seeds);
  const first = Math.min(...distinct);
  const BATCH = 4;
  const whole = Math.floor(distinct.size / BATCH) * BATCH;
  const lost = Array.from({ length: whole }, (_, i) => first + i).filter((seed) => !distinct.has(seed)); // prettier-ignore
  return { made: distinct.size, doubled: seeds.length - distinct.size, lost: lost.length };
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

/** Waits until attempts get through again; gives what does not. */
async function attemptsRecover(field: Field): Promise<string[]> {
  const began = (await seedsOf(field)).length;
  const isSo = async () => !field.adapt || (await seedsOf(field)).length > began;
  return (await inTime(isSo)) ? [] : ['attempts'];
}

/** Waits until each robot's episodes and the learner's versions get through again; gives what does not. */
async function linkRecovers({ learner, robots }: Field): Promise<string[]> {
  const began = new Map(robots.map((part) => [part, part.said('adapter').length]));
  const due = await Promise.all(
    robots.map(async ({ folder }) => (await episodesIn(folder)).at(-1)),
  );
  let missing: string[] = [];
  await inTime(async () => {
    const there = new Set(await episodesIn(learner.folder));
    missing = [
      ...due.filter((file) => file !== undefined && !there.has(file)),
      ...robots
        .filter((part) => part.said('adapter').length === began.get(part))
        .map(({ name }) => `${name}'s version`),
    ] as string[];
    return missing.length === 0;
  });
  return missing;
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

/** How late the control steps of parts were. */
function lateOf(parts: readonly Part[]): Percentiles | null {
  const late = createDistribution();
  for (const part of parts)
    for (const step of part.said('late').flatMap((told) => told.split(','))) late.add(Number(step));
  return late.percentiles();
}

/** Has faults happen at random moments; gives how many of each kind, and what came of each round of them. */
async function haveFaults(
  field: Field,
  parts: readonly Part[],
  { faults, seed, log }: CampaignOptions,
): Promise<Pick<Account, 'faults' | 'stuck' | 'recoveries'>> {
  const began = performance.now();
  const now = () => `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s`;
  const draw = uniformNumbers(seed);
  const known = faultsOf(field, draw);
  const busy = new Map<string, Promise<void>>();
  const counts: Record<string, number> = {};
  const recoveries: Account['recoveries'] = { link: [], attempts: [] };
  const timed = async (seconds: number[], waited: Promise<string[]>) => {
    const over = performance.now();
    const missing = await waited;
    seconds.push((performance.now() - over) / 1000);
    return missing;
  };
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
    const missing = await Promise.all([
      timed(recoveries.link, linkRecovers(field)),
      timed(recoveries.attempts, attemptsRecover(field)),
    ]).then((each) => each.flat());
    stuck += Number(missing.length > 0);
    if (missing.length === 0) continue;
    log(`${now()}  did not get through in time: ${missing.join(', ')}`);
    for (const { name, heard } of parts)
      for (const line of heard.filter((one) => !one.startsWith('late ')).slice(-8))
        log(`        ${name}: ${line}`);
  }
  return { faults: counts, stuck, recoveries };
}

/**
 * Robots and a learner, each a process of its own, at a NATS server, to which faults happen at random moments: the next
 * while others still last. Every few faults all must get through again, in a minute.
 */
export async function campaign(options: CampaignOptions): Promise<Account> {
  const field = await openField(options);
  const began = performance.now();
  const { learner, robots, impostor, idle, adapt, workers, disks } = field;
  try {
    if (disks.size === 0) options.log('no disk may be mounted here: none will be full');
    const parts = [learner, ...robots, ...(adapt ? [adapt] : []), ...workers];
    for (const part of [...parts, idle]) part.start();
    const happened = await haveFaults(field, parts, options);
    for (const part of [...parts, idle]) await part.kill();
    await handOver(field, options.log);
    const folders = [...robots, impostor].map(({ folder }) => folder);
    const said = (what: string) => robots.reduce((sum, part) => sum + part.said(what).length, 0);
    return {
      ...happened,
      ...(await accountOf(folders, learner.folder)),
      ...{ versions: said('adapter'), halfApplied: said('half') },
      attempts: await attemptsOf(field),
      late: { robots: lateOf(robots), idle: lateOf([idle]) },
      seconds: Math.round((performance.now() - began) / 1000),
    };
  } finally {
    await field.close();
  }
}
