import { fork } from 'node:child_process';
import { UserError, messageOf } from '../errors.ts';

/** Processes that do work beside each other, each one piece at a time; see workerProcess.ts for their side. */
export interface WorkerPool<Request, Reply> {
  /** Gives each process the next request when it has answered the one before; resolves when all are answered. */
  run(requests: readonly Request[], onReply: (reply: Reply) => void): Promise<void>;
  /** Asks every process the same. */
  tellAll(request: Request): Promise<void>;
  /** Rejects with a UserError when a process fails or ends by itself, asked or not. */
  readonly failed: Promise<never>;
  /** Ends every process at once, whatever it does. */
  close(): Promise<void>;
}

/** What a process says: that it may be asked, an answer, or why there is none. */
type Said<Reply> = 'ready' | Reply | { error: string };

/** One process. Asking rejects with a UserError that begins with `what` where it fails. */
function employ<Request, Reply extends object>(url: URL, settings: unknown, what: string) {
  const child = fork(url, [JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let settle: { resolve: (said: Reply | 'ready') => void; reject: (error: Error) => void };
  const answer = () =>
    new Promise<Reply | 'ready'>((resolve, reject) => (settle = { resolve, reject }));
  let fail: (error: UserError) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => undefined);
  const end = (reason: string) => {
    const error = new UserError(`${what} failed: ${reason}`);
    settle.reject(error);
    fail(error);
  };
  let last = answer();
  last.catch(() => undefined);
  child.on('message', (said: Said<Reply>) => {
    if (typeof said === 'object' && 'error' in said) end(said.error);
    else settle.resolve(said);
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      end(`it ended with ${signal ?? `exit code ${code}`}`);
      resolve();
    });
    child.once('error', (error) => {
      end(messageOf(error));
      if (child.pid === undefined) resolve();
    });
  });
  return {
    failed,
    /** Asks when all that was asked before is answered. */
    ask(request: Request): Promise<Reply> {
      last = last.then(() => {
        const reply = answer();
        child.send(request as object, (error) => error && end(error.message));
        return reply;
      });
      return last as Promise<Reply>;
    },
    async leave() {
      // It may be loading or simulating for long, and what it has begun is made again.
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Starts `processes` of a module, which get `settings` as JSON in their one argument. */
export function openWorkerPool<Request, Reply extends object>(
  url: URL,
  settings: unknown,
  processes: number,
  what: string,
): WorkerPool<Request, Reply> {
  const workers = Array.from({ length: processes }, () =>
    employ<Request, Reply>(url, settings, what),
  );
  const failed = Promise.race(workers.map((worker) => worker.failed));
  failed.catch(() => undefined);
  return {
    failed,
    async run(requests, onReply) {
      const left = requests.values();
      const work = workers.map(async (worker) => {
        for (const request of left) onReply(await worker.ask(request));
      });
      await Promise.all(work);
    },
    async tellAll(request) {
      await Promise.all(workers.map((worker) => worker.ask(request)));
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.leave()));
    },
  };
}
