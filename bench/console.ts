import { type ChildProcess, fork } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type TestPage, openPage } from '../test/console/client.ts';
import { type Row, median, percentile } from './row.ts';

/** Attempts of a round, and rounds with and without a console in turn. */
const ATTEMPTS = 3;
const ROUNDS = 3;
const WATCHERS = 3;
const STOPS = 30;
/** Seconds over which processor time is counted. */
const CPU_SECONDS = 10;

const MAIN = new URL('./consoleMain.js', import.meta.url).pathname;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function latenessWithout(): Promise<number> {
  const child = fork(MAIN, [String(ATTEMPTS)]);
  const [{ lateness }] = (await once(child, 'message')) as [{ lateness: number }];
  await end(child);
  return lateness;
}

/** A robot with a console, and its pages. */
async function openRobot(pages: number) {
  const child = fork(MAIN);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const opened = await Promise.all(Array.from({ length: pages }, () => openPage(url)));
  const [operator] = opened;
  await operator.until(() => operator.topics.phase, 'a phase');
  return { child, operator, pages: opened };
}

const phaseIs = (page: TestPage, ...phases: string[]) => phases.includes(page.topics.phase!.phase);

/** An attempt from start to a scene that is reset. */
async function attempt(page: TestPage): Promise<void> {
  await page.ask('start', {});
  await page.until(() => phaseIs(page, 'judgement', 'reset'), 'the end of an attempt', 60);
  if (phaseIs(page, 'judgement')) await page.ask('failure', null);
  await page.until(() => phaseIs(page, 'reset'), 'the reset');
  await page.ask('sceneReady', null);
}

async function latenessWith(): Promise<number> {
  const { child, operator } = await openRobot(WATCHERS);
  for (let i = 0; i < ATTEMPTS; i++) await attempt(operator);
  await setTimeout(1500);
  await end(child);
  return operator.topics.figures!.lateness!.p99;
}

/** Seconds of processor time of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const childOf = (parent: number, module: string): number => {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(parent)], {
    encoding: 'utf8',
  });
  return Number.parseInt(lines.split('\n').find((line) => line.includes(module))!);
};

/** Shares of a core while a page watches an attempt: the console, and what draws the cameras. */
async function shares() {
  const { child, operator } = await openRobot(1);
  const pids = ['consoleProcess.js', 'previewProcess.js'].map((name) => childOf(child.pid!, name));
  await operator.ask('start', {});
  await operator.until(() => phaseIs(operator, 'running'), 'an attempt', 60);
  const before = pids.map(cpuSeconds);
  const pictures = () => [...operator.pictures.values()].reduce((sum, one) => sum + one.length, 0);
  const seen = pictures();
  const began = performance.now();
  await setTimeout(1000 * CPU_SECONDS);
  const seconds = (performance.now() - began) / 1000;
  const [served, drawn] = pids.map((pid, i) => (cpuSeconds(pid) - before[i]) / seconds);
  const rate = (pictures() - seen) / seconds / operator.pictures.size;
  await end(child);
  return { served, drawn, rate };
}

/** Milliseconds from the press of stop to the first command that brakes. */
async function brakingTimes(): Promise<number[]> {
  const { child, operator } = await openRobot(1);
  const times: number[] = [];
  child.on('message', ({ braking }: { braking?: number }) => braking !== undefined && times.push(braking)); // prettier-ignore
  for (let press = 0; press < STOPS; press++) {
    await operator.ask('start', {});
    await operator.until(() => phaseIs(operator, 'running'), 'an attempt', 60);
    // At another moment of the control step each time, once the arms move.
    await setTimeout(1200 + ((press * 97) % 400));
    await operator.ask('stop', { reason: String(performance.timeOrigin + performance.now()) });
    await operator.until(() => times.length > press, 'a command that brakes');
    while (!(await operator.ask('resume', null)).ok) await setTimeout(20);
  }
  await end(child);
  return times;
}

/** The console beside a simulated robot in real time, on loopback. */
export async function benchConsole(): Promise<Row[]> {
  const [without, beside]: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await latenessWithout());
    beside.push(await latenessWith());
  }
  const { served, drawn, rate } = await shares();
  const times = await brakingTimes();
  const note = `${ROUNDS} rounds of ${ATTEMPTS} attempts in turn`;
  return [
    { name: 'tick lateness p99 without a console', value: median(without), unit: 'ms', note },
    { name: `  with a console and ${WATCHERS} pages`, value: median(beside), unit: 'ms' },
    { name: '  more', value: median(beside) - median(without), unit: 'ms', target: 0.2, better: 'less' }, // prettier-ignore
    { name: '  of it', value: median(beside) / median(without), unit: '×', target: 1.1, better: 'less' }, // prettier-ignore
    { name: 'console, one page, four cameras', value: served, unit: 'cores', target: 0.25, better: 'less' }, // prettier-ignore
    { name: '  what draws the simulated cameras', value: drawn, unit: 'cores', note: `${rate.toFixed(1)} pictures a second of each` }, // prettier-ignore
    { name: 'stop to the first braking command, p99', value: percentile(times, 0.99), unit: 'ms', target: 20, better: 'less', note: `${STOPS} presses` }, // prettier-ignore
    { name: '  median', value: median(times), unit: 'ms' },
  ];
}
