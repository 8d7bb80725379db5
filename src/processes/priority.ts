import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Lets a thread that the control loop does not wait for go after it where both want a core. Threads
 * that it starts later do so too; one that yields already stays as it is. Elsewhere than on Linux a thread has no priority of its own.
 */
export function yieldToControl(niceness = 5): void {
  if (process.platform === 'linux') setPriority(Math.max(getPriority(), niceness));
}

/** Of 1 to 99: before every ordinary thread, behind what the kernel does for its devices (50). */
const FIRST = 10;

/**
 * Puts this thread before all ordinary ones, as ros2_control's controller manager does with that of its
 * control loop: SCHED_FIFO by util-linux' chrt. Threads and processes that it starts stay ordinary; so that it
 * does not wait for them to collect garbage, start Node with --single-threaded-gc. Gives the reason where it
 * may not.
 */
export function goFirst(): string | undefined {
  if (process.platform !== 'linux') return `${process.platform} has no such priority`;
  const thread = readlinkSync('/proc/thread-self').split('/').at(-1)!;
  const options = ['--reset-on-fork', '--fifo', '--pid', String(FIRST), thread];
  const { status, stderr, error } = spawnSync('chrt', options, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

const LEAST = 19;

/**
 * Leaves this process the cores that nothing else wants, all its threads: SCHED_IDLE by util-linux' chrt, or
 * where there is none the lowest priority. Elsewhere than on Linux it stays as it is.
 */
export function yieldToAll(): void {
  if (process.platform !== 'linux') return;
  setPriority(LEAST);
  spawnSync('chrt', ['--idle', '--all-tasks', '--pid', '0', String(process.pid)]);
  // Between sessions the kernel shares cores by session, whatever the priorities within (sched(7), autogroup).
  const session = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[3];
  if (Number(session) !== process.pid) return;
  try {
    writeFileSync('/proc/self/autogroup', String(LEAST));
  } catch {
    return; // This kernel has none.
  }
}
