import { fork } from 'node:child_process';
import { UserError, messageOf } from '../errors.ts';
import type { DemoReply, DemoRequest, DemoSettings, RecordedDemo } from './demoWorker.ts';

interface Job {
  settings: DemoSettings;
  /** The next seed, if any is left. */
  next: () => number | undefined;
  onDemo: (demo: RecordedDemo) => void;
  signal: AbortSignal;
}

/** One worker process from its start to its end; rejects if it ends before it was told to. */
function employ({ settings, next, onDemo, signal }: Job): Promise<void> {
  const child = fork(new URL('./demoWorker.js', import.meta.url), [JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let seed: number | undefined;
  let reason: string | undefined;
  let dismissed = false;
  const dismiss = () => {
    dismissed = true;
    if (child.connected) child.disconnect();
  };
  const give = () => {
    seed = signal.aborted ? undefined : next();
    if (seed === undefined) dismiss();
    else child.send({ seed } satisfies DemoRequest);
  };
  signal.addEventListener('abort', dismiss, { once: true });

  return new Promise((resolve, reject) => {
    const end = (how: string) => {
      signal.removeEventListener('abort', dismiss);
      if (reason === undefined && dismissed) return resolve();
      const what = seed === undefined ? 'before its first attempt' : `at seed ${seed}`;
      reject(new UserError(`a recording process failed ${what}: ${reason ?? how}`));
    };
    child.on('message', (reply: DemoReply) => {
      if (reply !== 'ready' && 'error' in reply) {
        reason = reply.error;
        return dismiss();
      }
      if (reply !== 'ready') onDemo(reply);
      give();
    });
    child.on('error', (error) => {
      reason ??= messageOf(error);
      if (child.pid === undefined) end(reason);
    });
    // A Ctrl-C that ended it while it started is heard here by then.
    child.on('exit', (code, killedBy) =>
      setImmediate(end, `it ended with ${killedBy ?? `exit code ${code}`}`),
    );
  });
}

/**
 * Records the seeds' demonstrations over several processes, each of which gets the next seed when it
 * is done with one. Resolves when all are recorded or `signal` aborts; rejects with a UserError at the
 * first failure. Either way every process it started has ended.
 */
export async function recordDemos(
  settings: DemoSettings,
  seeds: readonly number[],
  processes: number,
  onDemo: (demo: RecordedDemo) => void,
  signal: AbortSignal,
): Promise<void> {
  const left = seeds.values();
  const next = () => left.next().value;
  const failed = new AbortController();
  const job = { settings, next, onDemo, signal: AbortSignal.any([signal, failed.signal]) };
  const work = Array.from({ length: Math.min(processes, seeds.length) }, () =>
    employ(job).catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  await Promise.allSettled(work);
  await Promise.all(work);
}
