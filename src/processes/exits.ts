import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../errors.ts';

/** How a process or thread has ended, as in `it ended with exit code 3` or `it ended with SIGKILL`. */
export const describeExit = (code: number | null, signal: NodeJS.Signals | null = null): string =>
  `ended with ${signal ?? `exit code ${code}`}`;

/** Resolves to how a process has ended, once all of its messages and its piped output have been read. */
export const exitOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    // A Ctrl-C that ends the child reaches this process too, whose handler is to run first.
    child.once('close', (code, signal) => setImmediate(resolve, describeExit(code, signal)));
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`cannot be started: ${messageOf(error)}`);
    });
  });

/** Calls `leave` when the parent has ended or lets this process go. Does nothing in a process without a channel to its parent. */
export function whenLeftAlone(leave: () => void): void {
  if (process.connected === undefined) return;
  process.once('disconnect', leave);
  // The parent may have ended before this process listens.
  if (!process.connected) leave();
}
