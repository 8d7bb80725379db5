import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { type FailureLine, UserError, unready } from '../errors.ts';
import type { LearnerEvent } from '../learning/events.ts';
import type { LearnerProgress } from '../link/learner/learn.ts';
import type { OrderFunctions } from '../link/learner/learnerOrders.ts';
import { packagePath } from '../files/packagePath.ts';
import {
  type Calls,
  type Connection,
  type Message,
  type Port,
  connect,
} from '../processes/calls.ts';
import { childModule } from '../processes/childModule.ts';
import { describeExit } from '../processes/exits.ts';

/** What `nalu learn --json` prints. */
export type LearnerLine = LearnerProgress & ({ event: 'ready'; address: string } | LearnerEvent);

/** A learner as a process of its own, which takes orders and is started again whenever it is killed before `stop`. */
export interface LearnerProcess {
  /** Resolves when the learner has dealt with so many episodes. */
  consumed(count: number, signal: AbortSignal): Promise<LearnerProgress>;
  /** That of its last report. */
  version(): string | undefined;
  /** Orders something of it. Rejects with a `UserError` that says why not, or while it is being started. */
  order: Calls<OrderFunctions>['ask'];
  /** Of the process that runs now. */
  pid(): number | undefined;
  /** Rejects with a `UserError` where the learner cannot begin, or ends again and again. */
  readonly failed: Promise<never>;
  /** Ends it; a kill at any moment loses nothing. */
  stop(): Promise<void>;
}

/** Milliseconds before a learner that has ended is started again. */
const PAUSE = 500;
/** Ends in a row, with nothing done between them, after which it is not started again. */
const MOST_FAILURES = 5;
/** Milliseconds that a learner has to end. */
const PATIENCE = 3000;
/** Milliseconds for its output after its end: a process of its own may hold the pipe. */
const LAST_OUTPUT = 500;

const wait = <T>(milliseconds: number, value?: T) =>
  setTimeout(milliseconds, value, { ref: false });

/** What a line of its output reports; undefined for one that was cut off as it was killed. */
function lineOf(text: string): LearnerLine | FailureLine | undefined {
  try {
    return JSON.parse(text) as LearnerLine | FailureLine;
  } catch {
    return undefined;
  }
}

/** One process of `nalu learn --json`, from its start to its end. */
interface Run {
  child: ChildProcess;
  calls: Connection<OrderFunctions>;
  exit: Promise<Exit>;
}

interface Exit {
  /** Null where a signal ended it. */
  code: number | null;
  /** As `ended with SIGKILL`. */
  how: string;
  /** Its stderr, where it has reported nothing on stdout. */
  complaint: string;
  /** What it failed with. */
  failure?: FailureLine['error'];
}

interface RunListener {
  line: (line: LearnerLine) => void;
  /** Receives its stderr from the first line on. */
  stderr: (text: string) => void;
}

/** Starts one, with a channel by which it notices the end of this process, and its equal where cores are scarce. */
function run(args: readonly string[], { line, stderr }: RunListener): Run {
  const cli = childModule(pathToFileURL(packagePath('dist/src/cli.js')));
  const child = spawn(process.execPath, [cli, 'learn', ...args, '--cores', 'shared', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  let complaint = '';
  let failure: FailureLine['error'] | undefined;
  let isReporting = false;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    if (isReporting) stderr(text);
    else complaint += text;
  });
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const parsed = lineOf(text);
    if (!parsed) return;
    if ('error' in parsed) return void (failure = parsed.error);
    isReporting = true;
    if (complaint !== '') stderr(complaint);
    complaint = '';
    line(parsed);
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exit = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      const how = describeExit(code, signal);
      void Promise.race([closed, wait(LAST_OUTPUT)]).then(() => resolve({ code, how, complaint, failure })); // prettier-ignore
    });
    child.once('error', ({ message }) => {
      if (child.pid === undefined) resolve({ code: 1, how: 'was not started', complaint: message });
    });
  });
  const port: Port = {
    post: (message) => void (child.connected && child.send(message, () => undefined)),
    onMessage: (listener) => void child.on('message', (message) => listener(message as Message)),
  };
  const calls = connect<OrderFunctions>(port, {});
  void exit.then(({ how }) => calls.fail(unready(`the learner ${how}; ask again`)));
  return { child, calls, exit };
}

export interface LearnerListener {
  onEvent: (event: LearnerEvent) => void;
  /** Receives what it writes to stderr, repeated text once. */
  onText: (text: string) => void;
}

/** A learner that is kept running: what is known of it, whichever process it runs in. */
interface Kept {
  current?: Run;
  /** Its last report. */
  progress?: LearnerProgress;
  /** Whether the current one is open. */
  isReady: boolean;
  /** Called at each report. */
  wake: () => void;
}

/** Runs `nalu learn`, and again whenever it has ended, until `stopping` aborts. Rejects as `failed` does. */
async function keepRunning(
  args: readonly string[],
  { onEvent, onText }: LearnerListener,
  kept: Kept,
  stopping: AbortSignal,
): Promise<void> {
  let failures = 0;
  /** Whether the last one ended by itself: that the next one is ready is then no progress. */
  let isFaulty = false;
  let shown = '';

  /** Passes its stderr on, the same text once. */
  const show = (text: string) => {
    if (text !== shown) onText(text);
    shown = text;
  };
  const take = (line: LearnerLine) => {
    if (!isFaulty || line.event !== 'ready') failures = 0;
    kept.progress = line;
    kept.isReady = true;
    if (line.event !== 'ready') onEvent(line);
    kept.wake();
  };

  for (;;) {
    kept.isReady = false;
    kept.current = run(args, { line: take, stderr: show });
    const { code, how, complaint, failure } = await kept.current.exit;
    if (stopping.aborted) return;
    failures += 1;
    isFaulty = code !== null;
    // By itself, before anything was done: the next one would do the same.
    if (code === 1 && complaint !== '' && !kept.progress)
      throw new UserError(failure?.message ?? complaint.trim(), failure);
    if (complaint !== '') show(complaint);
    if (failures >= MOST_FAILURES)
      throw new UserError(
        `the learner ended ${failures} times without doing anything, and the last one ${how}; its output stands above`,
        { kind: 'unreachable' },
      );
    await setTimeout(PAUSE);
    if (stopping.aborted) return;
  }
}

/** Starts `nalu learn` with these arguments. */
export function startLearner(args: readonly string[], listener: LearnerListener): LearnerProcess {
  const kept: Kept = { isReady: false, wake: () => undefined };
  const stopping = new AbortController();
  const running = keepRunning(args, listener, kept, stopping.signal);
  const failed = running.then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);

  return {
    async consumed(count, signal) {
      const onAbort = () => kept.wake();
      signal.addEventListener('abort', onAbort);
      try {
        while (!(kept.progress && kept.progress.consumed >= count)) {
          signal.throwIfAborted();
          await Promise.race([failed, new Promise<void>((resolve) => (kept.wake = resolve))]);
        }
        return kept.progress;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    version: () => kept.progress?.current,
    order: (...asked) =>
      kept.current && kept.isReady
        ? kept.current.calls.ask(...asked)
        : Promise.reject(unready('the learner is being started; ask again')),
    pid: () => kept.current?.child.pid,
    failed,
    async stop() {
      stopping.abort();
      if (!kept.current) return;
      const { child, exit } = kept.current;
      child.kill('SIGTERM');
      const isLate = await Promise.race([exit.then(() => false), wait(PATIENCE, true)]);
      if (isLate) child.kill('SIGKILL');
      await exit;
    },
  };
}
