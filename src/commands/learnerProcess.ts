import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { LearnerEvent } from '../learning/learner.ts';
import { packagePath } from '../packagePath.ts';

/** How far a learner has come. */
export interface LearnerProgress {
  /** Episodes that it has learned from or left out. */
  consumed: number;
  /** What the robot is to play: an adapter's version, or the bundle's as long as there is none. */
  current: string;
}

/** What `nalu learn --json` prints. */
export type LearnerLine = LearnerProgress & ({ event: 'ready'; address: string } | LearnerEvent);

/** A learner as a process of its own, started again whenever it ends before it is told to. */
export interface LearnerProcess {
  /** Resolves when the learner has dealt with so many episodes. */
  consumed(count: number, signal: AbortSignal): Promise<LearnerProgress>;
  /** As it was last heard. */
  version(): string | undefined;
  /** Of the process that runs now. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

/** Milliseconds before a learner that has ended is started again. */
const PAUSE = 500;
/** Ends in a row, without a word between them, after which there is no use in going on. */
const MOST_FAILURES = 5;

/** Starts `nalu learn` with these arguments, its owner's equal where cores are scarce; hears its events. */
export function startLearner(
  args: readonly string[],
  onEvent: (event: LearnerEvent) => void,
): LearnerProcess {
  let child: ChildProcess;
  let progress: LearnerProgress | undefined;
  let failures = 0;
  let stopping = false;
  let failure: UserError | undefined;
  let wake = () => {};
  let ended: Promise<void> = Promise.resolve();

  const start = () => {
    if (stopping) return;
    child = spawn(
      process.execPath,
      [packagePath('dist/src/cli.js'), 'learn', ...args, '--cores', 'shared', '--json'],
      {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        detached: true,
      },
    );
    createInterface({ input: child.stdout! }).on('line', (text) => {
      const line = JSON.parse(text) as LearnerLine;
      failures = 0;
      progress = line;
      if (line.event !== 'ready') onEvent(line);
      wake();
    });
    ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve();
        if (stopping) return;
        failures += 1;
        if (failures < MOST_FAILURES) return void setTimeout(PAUSE).then(start);
        failure = new UserError(
          `the learner ended ${failures} times without doing anything, last with ${signal ?? `exit code ${code}`}; what it said stands above`,
        );
        wake();
      });
    });
  };
  start();

  return {
    async consumed(count, signal) {
      const onAbort = () => wake();
      signal.addEventListener('abort', onAbort);
      try {
        while (!(progress && progress.consumed >= count)) {
          if (failure) throw failure;
          signal.throwIfAborted();
          await new Promise<void>((resolve) => (wake = resolve));
        }
        return progress;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    version: () => progress?.current,
    pid: () => child.pid,
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      await ended;
    },
  };
}
