import { setTimeout } from 'node:timers/promises';
import { UserError, messageOf } from '../errors.ts';
import type { Calls } from './calls.ts';
import type { Child } from './child.ts';

/** Milliseconds before a child that has ended is started again. */
const PAUSE = 1000;

/** A child that is started again whenever it ends. */
export interface KeptChild<Remote> extends Calls<Remote> {
  close: () => Promise<void>;
}

export interface KeepOptions<Remote> {
  open: () => Promise<Child<Remote>>;
  /** One that is open already, in place of the first start. */
  first?: Child<Remote>;
  /** Is called with how it ended, or why it could not be opened. */
  onEnd: (error: Error) => void;
}

/** Keeps a child running until `close`. While there is none, `ask` rejects with a `UserError` and `notify` does nothing. */
export function keepRunning<Remote>(options: KeepOptions<Remote>): KeptChild<Remote> {
  const { open, first, onEnd } = options;
  const closing = new AbortController();
  const { signal } = closing;
  let current: Child<Remote> | undefined;
  let state = 'it is being started';

  const keep = async (): Promise<void> => {
    let next = first;
    while (!signal.aborted)
      try {
        current = next ?? (await open());
        next = undefined;
        await (signal.aborted ? current.close() : current.ended);
      } catch (error) {
        current = undefined;
        if (signal.aborted) return;
        state = `${messageOf(error)}; it is being started again`;
        onEnd(error as Error);
        await setTimeout(PAUSE, undefined, { signal }).catch(() => undefined);
      }
  };
  const kept = keep();

  return {
    ask: (name, ...args) =>
      current ? current.ask(name, ...args) : Promise.reject(new UserError(state)),
    notify: (name, ...args) => current?.notify(name, ...args),
    async close() {
      closing.abort();
      await current?.close();
      await kept;
    },
  };
}
