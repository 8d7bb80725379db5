import { getPriority, setPriority } from 'node:os';

/**
 * Lets a thread that the control loop does not wait for go after it where both want a core. Threads
 * that it starts later do so too; one that yields already stays as it is. Elsewhere than on Linux a thread has no priority of its own.
 */
export function yieldToControl(niceness = 5): void {
  if (process.platform === 'linux') setPriority(Math.max(getPriority(), niceness));
}
