import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

/** Causes of a late tick: garbage collection, JavaScript on this thread, or no core available on the machine. */
export const LATE_CAUSES = ['gc', 'event_loop', 'machine'] as const;
export type LateCause = (typeof LATE_CAUSES)[number];

/**
 * The largest cause of a lateness, all in milliseconds: `gc` is the overlap with garbage collection, `cpu` the
 * thread's CPU time since the previous tick, garbage collection included.
 */
export function causeOf(late: number, gc: number, cpu: number): LateCause {
  const collecting = Math.min(gc, late);
  const computing = Math.min(Math.max(cpu - gc, 0), late - collecting);
  const shares: Record<LateCause, number> = {
    gc: collecting,
    event_loop: computing,
    machine: late - collecting - computing,
  };
  return LATE_CAUSES.reduce((worst, cause) => (shares[cause] > shares[worst] ? cause : worst));
}

/** Milliseconds. */
interface Span {
  from: number;
  to: number;
}

const overlap = (a: Span, b: Span) => Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from));

/** Number of recent garbage collections kept for attribution. */
const REMEMBERED = 100;

/**
 * CPU time of the calling thread, ms. Uses `process.threadCpuUsage` where Node has it, else Linux's coarser schedstat of
 * the main thread, else the CPU time of the whole process.
 */
function openCpuTime(): { read(): number; close(): void } {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  const whole = (used: () => NodeJS.CpuUsage) => ({
    read: () => (used().user + used().system) / 1000,
    close: () => undefined,
  });
  if (threadCpuUsage) return whole(() => threadCpuUsage.call(process));
  // The main thread's id is the process's; the first number is nanoseconds on a core (Linux).
  const path = `/proc/self/task/${process.pid}/schedstat`;
  if (!isMainThread || !existsSync(path)) return whole(() => process.cpuUsage());
  const file = openSync(path, 'r');
  const text = Buffer.alloc(64);
  return {
    read: () =>
      Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, 64, 0)), 10) / 1e6,
    close: () => closeSync(file),
  };
}

/** Attributes late ticks to their causes. */
export interface LatenessWatch {
  /** Call at each tick as it wakes: `late` ms after it was due, with `missed` further ticks skipped. */
  tick(late: number, missed: number): void;
  /** Resolves when every missed tick so far has been attributed. */
  settled(): Promise<void>;
  close(): void;
}

/** Watches the calling thread. Soon after missed ticks, calls `name` with their cause and number. */
export function watchLateness(name: (cause: LateCause, ticks: number) => void): LatenessWatch {
  let collections: Span[] = [];
  let naming: Promise<void> | undefined;
  let unnamed: (Span & { ticks: number; cpu: number })[] = [];
  const remember = (entries: { startTime: number; duration: number }[]) => {
    for (const { startTime: from, duration } of entries)
      collections.push({ from, to: from + duration });
    collections = collections.slice(-REMEMBERED);
  };
  const observer = new PerformanceObserver((list) => remember(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const cpuTime = openCpuTime();
  let before = cpuTime.read();

  // Node reports a collection only after the event loop turn in which it ran.
  const nameSoon = async () => {
    await setImmediate();
    await setImmediate();
    naming = undefined;
    remember(observer.takeRecords());
    for (const { ticks, cpu, ...late } of unnamed) {
      const gc = collections.reduce((sum, span) => sum + overlap(span, late), 0);
      name(causeOf(late.to - late.from, gc, cpu), ticks);
    }
    unnamed = [];
  };

  return {
    tick(late, missed) {
      const now = performance.now();
      const used = cpuTime.read();
      if (missed > 0) {
        unnamed.push({ from: now - late, to: now, ticks: missed, cpu: used - before });
        naming ??= nameSoon();
      }
      before = used;
    },
    async settled() {
      await naming;
    },
    close() {
      observer.disconnect();
      cpuTime.close();
    },
  };
}
