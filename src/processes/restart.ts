import { setTimeout } from 'node:timers/promises';
import { messageOf, unready } from '../errors.ts';
import type { Calls } from './calls.ts';
import type { Child } from './child.ts';

/** Milliseconds before a child that has ended is started again. */
const PAUSE = 1000;

/** A child that is started again whenever it ends. */
export interface KeptChild<Remote> extends Calls<Remote> {
  close: () => Promise<void>;
}

export interface KeepOptions<Remote> {
  start: () => Child<Remote>;
  /** One that is open already, in place of the first start. */
  first?: Child<Remote>;
  /** Is called with how it ended, or why it could not be opened. */
  onEnd: (error: Error) => void;
}

/**
 * Keeps a child running until `close`. Calls wait until it is open; while there is none, `ask` rejects with a
 * `UserError` and `notify` does nothing.
 */
export function keepRunning<Remote>(options: KeepOptions<Remote>): KeptChild<Remote> {
  const { start, first, onEnd } = options;
  const closing = new AbortController();
  const { signal } = closing;
  let current: Child<Remote> | undefined;
  let state = 'it is being started';

  const keep = async (): Promise<void> => {
    let next = first;
    while (!signal.aborted)
      try {
        current = next ?? start();
        next = undefined;
        await current.opened;
        await (signal.aborted ? current.close() : current.ended);
      } catch (error) {
        const failed = current;
        current = undefined;
        state = `${messageOf(error)}; it is being started again`;
        // One whose service could not be opened still runs.
        await failed?.kill();
        if (signal.aborted) return;
        onEnd(error as Error);
        await setTimeout(PAUSE, undefined, { signal }).catch(() => undefined);
      }
  };
  const kept = keep();

  return {
    async ask(name, ...args) {
      const child = current;
      if (!child) throw unready(state);
      await child.opened;
      return child.ask(name, ...args);
    },
    notify(name, ...args) {
      const child = current;
      child?.opened.then(
        () => child.notify(name, ...args),
        () => undefined,
      );
    },
    async close() {
      closing.abort();
      const child = current;
      await child?.opened.then(child.close, () => undefined);
      await kept;
    },
  };
}
