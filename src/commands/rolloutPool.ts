import { type ChildProcess, fork } from 'node:child_process';
import { UserError } from '../errors.ts';
import type {
  Attempt,
  RolloutReply,
  RolloutRequest,
  RolloutResult,
  RolloutSettings,
} from './rolloutWorker.ts';

/** Processes that make simulated attempts beside each other. */
export interface RolloutPool {
  /** Makes attempts; resolves when all are made. Rejects with a UserError at the first failure. */
  run(attempts: readonly Attempt[], onResult: (result: RolloutResult) => void): Promise<void>;
  /** Has every process take an adapter's file over. */
  adopt(path: string): Promise<void>;
  close(): Promise<void>;
}

interface Worker {
  child: ChildProcess;
  /** Asks when all that was asked before is answered. */
  ask(request: RolloutRequest): Promise<Exclude<RolloutReply, { error: string }>>;
  exited: Promise<void>;
}

function employ(settings: RolloutSettings): Worker {
  const url = new URL('./rolloutWorker.js', import.meta.url);
  const child = fork(url, [JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let settle: { resolve: (reply: never) => void; reject: (error: Error) => void } | undefined;
  const end = (reason: string) =>
    settle?.reject(new UserError(`a rollout process failed: ${reason}`));
  child.on('message', (reply: RolloutReply) => {
    if (typeof reply === 'object' && 'error' in reply) end(reply.error);
    else settle?.resolve(reply as never);
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      end(`it ended with ${signal ?? `exit code ${code}`}`);
      resolve();
    });
  });
  const answer = () =>
    new Promise<Exclude<RolloutReply, { error: string }>>((resolve, reject) => {
      settle = { resolve, reject };
    });
  let last = answer();
  last.catch(() => undefined);
  return {
    child,
    exited,
    ask(request) {
      last = last.then(() => {
        const reply = answer();
        child.send(request, (error) => error && end(error.message));
        return reply;
      });
      return last;
    },
  };
}

/** Starts `processes` of them. */
export function openRolloutPool(settings: RolloutSettings, processes: number): RolloutPool {
  const workers = Array.from({ length: processes }, () => employ(settings));
  return {
    async run(attempts, onResult) {
      const left = attempts.values();
      const work = workers.map(async (worker) => {
        for (const attempt of left) onResult((await worker.ask({ attempt })) as RolloutResult);
      });
      await Promise.all(work);
    },
    async adopt(path) {
      await Promise.all(workers.map((worker) => worker.ask({ adopt: path })));
    },
    async close() {
      for (const { child } of workers) if (child.connected) child.disconnect();
      await Promise.all(workers.map(({ exited }) => exited));
    },
  };
}
