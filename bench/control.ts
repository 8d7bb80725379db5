import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagePath } from '../src/files/packagePath.ts';
import { openProcess } from '../src/processes/child.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import type { Percentiles } from '../src/measure/distribution.ts';
import { describeMissed } from '../src/measure/meters.ts';
import { bareTimer } from './bareTimer.ts';
import type {
  Beside,
  ControlFunctions,
  ControlListener,
  ControlReading,
  ControlWindow,
} from './controlMain.ts';
import { startLearner } from './learnerBeside.ts';
import { type Row, median } from './row.ts';

/** One line of JSON a run. */
const LOG = packagePath('runs/bench-control.jsonl');

/** A run of the control loop in a process of its own, and of a bare timer in another. */
interface Run {
  reading: ControlReading;
  bare: Percentiles;
}

function tell(label: string, minutes: number, { seconds, lateness, resident }: ControlWindow) {
  const at = `${(seconds / 60).toFixed(1)} of ${minutes} min`;
  const late = `p99 ${lateness.p99.toFixed(2)} ms, max ${lateness.max.toFixed(2)} ms`;
  console.error(`  ${label}, ${at}: lateness ${late}; ${resident.toFixed(0)} MiB`);
}

/** Node's, as the policy's node is started (CMakeLists.txt). */
const NODE_FLAGS = ['--single-threaded-gc', '--max-semi-space-size=2'];

/** A run of the control loop in a process of its own. */
export async function runControl(
  seconds: number,
  beside: Beside,
  listener: Partial<ControlListener> = {},
): Promise<ControlReading> {
  const local: ControlListener = {
    window: () => undefined,
    console: () => Promise.resolve(),
    ...listener,
  };
  const module = new URL('./controlMain.js', import.meta.url);
  const name = "the control loop's process";
  const child = await openProcess<ControlFunctions>(module, { name, local, execArgv: NODE_FLAGS });
  const reading = await child.ask('run', seconds, beside);
  await child.close();
  return reading;
}

async function control(label: string, minutes: number): Promise<Run> {
  const seconds = minutes * 60;
  const local: Partial<ControlListener> = { window: (window) => tell(label, minutes, window) };
  const [reading, bare] = await Promise.all([runControl(seconds, {}, local), bareTimer(seconds)]);
  await mkdir(packagePath('runs'), { recursive: true });
  const [{ model }] = cpus();
  const line = { at: new Date().toISOString(), label, minutes, model, bare, ...reading };
  await appendFile(LOG, `${JSON.stringify(line)}\n`);
  return { reading, bare };
}

/** The p99 and memory of the windows after the first quarter, and of the last quarter. */
function growth(windows: readonly ControlWindow[]): Row[] {
  const quarter = Math.floor(windows.length / 4);
  const parts = { early: windows.slice(quarter, 2 * quarter), late: windows.slice(-quarter) };
  const of = (value: (window: ControlWindow) => number) =>
    [parts.early, parts.late].map((part) => median(part.map(value)));
  const [earlyLate, lateLate] = of(({ lateness }) => lateness.p99);
  const [earlyMemory, lateMemory] = of(({ resident }) => resident);
  return [
    { name: '  p99, second quarter', value: earlyLate, unit: 'ms' },
    { name: '  p99, last quarter', value: lateLate, unit: 'ms' },
    { name: '  resident memory, second quarter', value: earlyMemory, unit: 'MiB' },
    { name: '  resident memory, last quarter', value: lateMemory, unit: 'MiB' },
  ];
}

function rows(label: string, { reading, bare }: Run, targets: Partial<Percentiles>): Row[] {
  const { figures, missed, windows, stops, chunks, busy } = reading;
  const lateness = figures.lateness!;
  const aim = (name: 'p99' | 'p999'): Partial<Row> =>
    targets[name] === undefined ? {} : { target: targets[name], better: 'less' };
  const seconds = windows.at(-1)!.seconds;
  return [
    { name: `tick lateness ${label}, p50`, value: lateness.p50, unit: 'ms' },
    { name: '  p99', value: lateness.p99, unit: 'ms', ...aim('p99') },
    { name: '  p99.9', value: lateness.p999, unit: 'ms', ...aim('p999') },
    { name: '  largest', value: lateness.max, unit: 'ms' },
    { name: '  of a bare timer beside it, p99', value: bare.p99, unit: 'ms' },
    { name: '  of a bare timer beside it, p99.9', value: bare.p999, unit: 'ms' },
    { name: '  of a bare timer beside it, largest', value: bare.max, unit: 'ms' },
    {
      ...{ name: `  ${describeMissed(missed)}`, unit: 'ticks', target: 0, better: 'less' },
      value: Object.values(missed).reduce((sum, ticks) => sum + ticks, 0),
    },
    { name: '  attempts stopped', value: stops.length, unit: '', note: stops[0] },
    { name: '  chunks sampled', value: chunks / seconds, unit: 'a second' },
    { name: "  main thread's busy share", value: 100 * busy, unit: '%' },
    ...growth(windows),
  ];
}

/** Whether ticks are punctual: four cameras arriving, the policy sampling all the time, a learner beside it. */
export async function benchControl(minutes: number, alone: boolean): Promise<Row[]> {
  const idle = await control('without a learner', minutes);
  const found = rows('without a learner', idle, { p99: 2, p999: 5 });
  if (alone) return found;
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const learner = await startLearner(folder, await loadBundle(packagePath('models/aloha-mini')));
    try {
      const [used, began] = [await learner.used(), performance.now()];
      const beside = await control('while a learner trains', minutes);
      const cores = ((await learner.used()) - used) / ((performance.now() - began) / 1000);
      return [
        ...found,
        ...rows('while a learner trains', beside, { p99: 5 }),
        { name: '  what the learner took meanwhile', value: cores, unit: 'cores' },
      ];
    } finally {
      await learner.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
