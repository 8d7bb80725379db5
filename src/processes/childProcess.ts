import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { type Correspondent, type Functions, correspond } from './correspondence.ts';

/** Milliseconds before a process that crashed is started again. */
const PAUSE = 1000;

/** What a process of the link can be asked besides its own functions. */
export interface Starting<Work, Started> {
  /** Begins to work. Rejects with a `UserError` if it cannot. */
  start: (work: Work) => Promise<Started>;
  close: (nothing: null) => Promise<void>;
}

/**
 * A part of the link in a process of its own: ZeroMQ's sockets are polled, hashed for and flushed
 * far from the caller's event loop, and their crash is not the caller's.
 */
export interface LinkProcess<Theirs, Started> {
  readonly started: Started;
  /** Rejects with a `UserError` while the process is being started again. */
  ask: Correspondent<Theirs>['ask'];
  /** Is lost while the process is being started again. */
  tell: Correspondent<Theirs>['tell'];
  close: () => Promise<void>;
}

interface Options<Work, Started> {
  module: URL;
  work: Work;
  /** What the process may call. */
  mine: Functions;
  /** What to start with after a crash. */
  again?: (started: Started) => Work;
  /** Hears of a crash. */
  crashed: (what: string) => void;
}

/** Starts such a process, and again whenever it crashes. Throws as its `start` does. */
export async function openLinkProcess<Theirs extends Starting<Work, Started>, Work, Started>(
  options: Options<Work, Started>,
): Promise<LinkProcess<Theirs, Started>> {
  const { module, mine, again, crashed } = options;
  let current: { child: ChildProcess; correspondent: Correspondent<Theirs> } | undefined;
  let closing = false;
  /** The start that is under way after a crash. */
  let resuming: Promise<unknown> = Promise.resolve();

  const begin = async (work: Work): Promise<Started> => {
    const child = fork(fileURLToPath(module), { serialization: 'advanced' });
    const exited = once(child, 'exit').then(([code, signal]) => {
      current = undefined;
      throw new UserError(`the link's process ended (${String(signal ?? code)})`);
    });
    exited.catch(() => undefined);
    const port = {
      postMessage: (letter: unknown) =>
        void (child.connected && child.send(letter as object, () => undefined)),
      on: (event: 'message', listener: (letter: unknown) => void) => child.on(event, listener),
    };
    const correspondent = correspond<Theirs>(port, mine, exited);
    try {
      const ask = correspondent.ask as Correspondent<Starting<Work, Started>>['ask'];
      const started = (await ask('start', work)) as Started;
      current = { child, correspondent };
      const next = again?.(started) ?? work;
      exited.catch((error: Error) => closing || void resume(error, next));
      return started;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  };

  const resume = async (error: Error, work: Work): Promise<void> => {
    crashed(error.message);
    await setTimeout(PAUSE);
    if (closing) return;
    const beginning = begin(work);
    resuming = beginning.catch(() => undefined);
    await beginning.catch((next: Error) => (closing ? undefined : resume(next, work)));
  };

  const started = await begin(options.work);
  return {
    started,
    ask(name, argument) {
      if (!current) return Promise.reject(new UserError('the link is being started again'));
      return current.correspondent.ask(name, argument);
    },
    tell: (name, argument) => current?.correspondent.tell(name, argument),
    async close() {
      closing = true;
      await resuming;
      if (!current) return;
      const { child, correspondent } = current;
      const exited = once(child, 'exit');
      const ask = correspondent.ask as Correspondent<Starting<Work, Started>>['ask'];
      await ask('close', null).catch(() => undefined);
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** In such a process: lets its owner call its functions. It ends with its owner, and by nothing else. */
export function serveOwner<Owner>(functions: Functions): Correspondent<Owner> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit());
  const port = {
    postMessage: (letter: unknown) =>
      void (process.connected && process.send?.(letter, () => undefined)),
    on: (event: 'message', listener: (letter: unknown) => void) => process.on(event, listener),
  };
  return correspond<Owner>(port, functions);
}
