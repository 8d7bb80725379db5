#!/usr/bin/env node
import { EXIT_CODES, exitCodeOf, run } from './cli/run.ts';
import { UserError, codeOf } from './errors.ts';
import { reasonOf, toldOf } from './systemErrors.ts';

/** What a write fails with where nobody reads any more: a pipe, or a terminal that is gone. */
const UNREAD = ['EPIPE', 'EIO'];

/** Prints a failure: a sentence where a person can mend it, the stack of a fault of the program. */
function report(error: unknown): void {
  const sentence = toldOf(error);
  console.error(sentence === undefined ? error : `nalu: ${sentence}`);
  process.exitCode = exitCodeOf(error);
}

/** Lets a command go on where nobody reads its output any more; aborts then. Reports other failures once. */
function tolerateUnreadOutput(): AbortSignal {
  const unread = new AbortController();
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error) => {
    if (unread.signal.aborted) return;
    unread.abort();
    if (UNREAD.includes(codeOf(error) ?? '')) return;
    report(new UserError(`what it prints cannot be written: ${reasonOf(error)}`, { cause: error }));
  });
  return unread.signal;
}

/** Aborts at the first Ctrl-C, so that the command ends in order; a second Ctrl-C ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abort);
  return controller.signal;
}

// What no part of the command waits for, as a stream's error.
process.on('uncaughtException', (error) => {
  report(error);
  process.exit();
});

try {
  const { exitCode } = await run(process.argv.slice(2), {
    out: process.stdout,
    err: process.stderr,
    input: () => process.stdin,
    env: process.env,
    interruption,
    unread: tolerateUnreadOutput(),
  });
  process.exitCode ??= exitCode;
  // A stopped command has ended in order; what it left under way is not waited for.
  if (exitCode === EXIT_CODES.interrupted) setImmediate(() => process.exit());
} catch (error) {
  report(error);
  process.exit();
}
