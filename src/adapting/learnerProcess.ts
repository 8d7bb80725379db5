import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { LearnerEvent } from '../learning/learner.ts';
import type { LearnerProgress } from '../link/learner/learn.ts';
import { packagePath } from '../files/packagePath.ts';

/** What `nalu learn --json` prints. */
export type LearnerLine = LearnerProgress & ({ event: 'ready'; address: string } | LearnerEvent);

/** A learner as a process of its own, started again whenever it is killed before it is told to end. */
export interface LearnerProcess {
  /** Resolves when the learner has dealt with so many episodes. */
  consumed(count: number, signal: AbortSignal): Promise<LearnerProgress>;
  /** As it was last heard. */
  version(): string | undefined;
  /** Of the process that runs now. */
  pid(): number | undefined;
  /** Rejects with a `UserError` where the learner cannot begin, or ends again and again. */
  readonly failed: Promise<never>;
  /** Ends it; a kill at any moment loses nothing. */
  stop(): Promise<void>;
}

/** Milliseconds before a learner that has ended is started again. */
const PAUSE = 500;
/** Ends in a row, with nothing done between them, after which there is no use in going on. */
const MOST_FAILURES = 5;
/** Milliseconds that a learner has to end, and for its last words to come after it. */
const PATIENCE = 3000;
const LAST_WORDS = 500;

const wait = <T>(milliseconds: number, value?: T) =>
  setTimeout(milliseconds, value, { ref: false });

/** What a line of its output says; undefined for one that was cut off as it was killed. */
function lineOf(text: string): LearnerLine | undefined {
  try {
    return JSON.parse(text) as LearnerLine;
  } catch {
    return undefined;
  }
}

export interface LearnerListener {
  onEvent: (event: LearnerEvent) => void;
  /** Gets what it writes to stderr, repeated text once. */
  onText: (text: string) => void;
}

/** Starts `nalu learn` with these arguments, its owner's equal where cores are scarce. */
export function startLearner(
  args: readonly string[],
  { onEvent, onText }: LearnerListener,
): LearnerProcess {
  let child: ChildProcess;
  let progress: LearnerProgress | undefined;
  let failures = 0;
  let stopping = false;
  /** Whether the last one ended by itself: that it is ready then tells nothing. */
  let isFaulty = false;
  let told = '';
  let wake = () => {};
  let fail: (error: UserError) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => undefined);
  let ended: Promise<unknown> = Promise.resolve();

  /** Passes on text of its stderr, the same once. */
  const tell = (text: string) => {
    if (text !== told) onText(text);
    told = text;
  };

  /** After an end that nobody asked for; `said` is what it said if it did nothing else. */
  const goOn = (code: number | null, signal: NodeJS.Signals | null, said: string) => {
    if (stopping) return;
    failures += 1;
    isFaulty = code !== null;
    // By itself, before anything was done: the next one would do the same.
    if (code === 1 && said !== '' && !progress)
      return fail(new UserError(said.trim().replace(/^nalu: /, '')));
    if (said !== '') tell(said);
    if (failures < MOST_FAILURES) return void setTimeout(PAUSE).then(start);
    fail(
      new UserError(
        `the learner ended ${failures} times without doing anything, last with ${signal ?? `exit code ${code}`}; what it said stands above`,
      ),
    );
  };

  const start = () => {
    if (stopping) return;
    child = spawn(
      process.execPath,
      [packagePath('dist/src/cli.js'), 'learn', ...args, '--cores', 'shared', '--json'],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true },
    );
    // What it says before it is ready is told as the reason if it never is.
    let said: string | undefined = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (said === undefined) tell(text);
      else said += text;
    });
    createInterface({ input: child.stdout! }).on('line', (text) => {
      const line = lineOf(text);
      if (!line) return;
      if (said) tell(said);
      said = undefined;
      if (!isFaulty || line.event !== 'ready') failures = 0;
      progress = line;
      if (line.event !== 'ready') onEvent(line);
      wake();
    });
    child.once('error', (error) =>
      fail(new UserError(`the learner cannot be started: ${error.message}`)),
    );
    const closed = once(child, 'close').catch(() => undefined);
    ended = once(child, 'exit').then(
      ([code, signal]) =>
        void Promise.race([closed, wait(LAST_WORDS)]).then(() =>
          goOn(code as number | null, signal as NodeJS.Signals | null, said ?? ''),
        ),
      () => undefined,
    );
  };
  start();

  return {
    async consumed(count, signal) {
      const onAbort = () => wake();
      signal.addEventListener('abort', onAbort);
      try {
        while (!(progress && progress.consumed >= count)) {
          signal.throwIfAborted();
          await Promise.race([failed, new Promise<void>((resolve) => (wake = resolve))]);
        }
        return progress;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    version: () => progress?.current,
    pid: () => child.pid,
    failed,
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const isLate = await Promise.race([ended.then(() => false), wait(PATIENCE, true)]);
      if (isLate) child.kill('SIGKILL');
      await ended;
    },
  };
}
