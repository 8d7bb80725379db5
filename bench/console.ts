import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type TestPage, openPage } from '../test/console/client.ts';
import { childOf } from '../test/console/processOf.ts';
import { type Row, median, percentile } from './row.ts';

const STOPS = 30;
/** Seconds over which processor time is counted. */
const CPU_SECONDS = 10;

const MAIN = new URL('./consoleMain.js', import.meta.url).pathname;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A robot with a console, and a page. */
async function openRobot() {
  const child = fork(MAIN);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const operator = await openPage(url);
  await operator.until(() => operator.topics.phase, 'a phase');
  return { child, operator };
}

const phaseIs = (page: TestPage, ...phases: string[]) => phases.includes(page.topics.phase!.phase);

/** Seconds of processor time of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Shares of a core while a page watches an attempt: the console, and what draws the cameras. */
async function shares() {
  const { child, operator } = await openRobot();
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
  const { child, operator } = await openRobot();
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
  const { served, drawn, rate } = await shares();
  const times = await brakingTimes();
  return [
    { name: 'console, one page, four cameras', value: served, unit: 'cores', target: 0.25, better: 'less' }, // prettier-ignore
    { name: '  what draws the simulated cameras', value: drawn, unit: 'cores', note: `${rate.toFixed(1)} pictures a second of each` }, // prettier-ignore
    { name: 'stop to the first braking command, p99', value: percentile(times, 0.99), unit: 'ms', target: 20, better: 'less', note: `${STOPS} presses` }, // prettier-ignore
    { name: '  median', value: median(times), unit: 'ms' },
  ];
}
