import { UserError, messageOf } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';

/** What a `Worker` and its `parentPort` are, and what a process can be made. */
interface Port {
  postMessage(letter: unknown): void;
  on(event: 'message', listener: (letter: unknown) => void): unknown;
}

export type Functions = Record<string, (argument: never) => unknown>;
type Argument<F> = F extends (argument: infer A) => unknown ? A : never;
type Result<F> = F extends (argument: never) => infer R ? Awaited<R> : never;

type Letter =
  | { ask: number | null; name: string; argument: unknown }
  | { answer: number; value: unknown }
  /** Cloning would lose the error's class. */
  | { answer: number; error: { message: string; isUserError: boolean } };

interface Asker {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** Calls the functions of the other end of a port. */
export interface Correspondent<Theirs> {
  /** Resolves to the result; rejects as the function did. */
  ask: <K extends keyof Theirs & string>(
    name: K,
    argument: Argument<Theirs[K]>,
  ) => Promise<Result<Theirs[K]>>;
  /** Waits for nothing. */
  tell: <K extends keyof Theirs & string>(name: K, argument: Argument<Theirs[K]>) => void;
}

/**
 * Lets two threads or processes call each other's functions, of one argument each that can be
 * cloned. What is asked rejects when `gone` does.
 */
export function correspond<Theirs>(
  port: Port,
  mine: Functions,
  gone?: Promise<never>,
): Correspondent<Theirs> {
  const open = new Map<number, Asker>();
  let asked = 0;

  const answer = async (id: number | null, name: string, argument: unknown) => {
    try {
      const value = await mine[name](argument as never);
      if (id !== null) port.postMessage({ answer: id, value } satisfies Letter);
    } catch (error) {
      if (id === null) throw error;
      const told = toldOf(error);
      const isUserError = told !== undefined;
      const letter = { answer: id, error: { message: told ?? messageOf(error), isUserError } };
      port.postMessage(letter satisfies Letter);
    }
  };

  gone?.catch((error: Error) => {
    for (const { reject } of open.values()) reject(error);
  });

  port.on('message', (message) => {
    const letter = message as Letter;
    if ('ask' in letter) {
      void answer(letter.ask, letter.name, letter.argument);
      return;
    }
    const asker = open.get(letter.answer);
    open.delete(letter.answer);
    if ('value' in letter) asker?.resolve(letter.value);
    else {
      const { message, isUserError } = letter.error;
      asker?.reject(isUserError ? new UserError(message) : new Error(message));
    }
  });

  return {
    ask: (name, argument) =>
      new Promise((resolve, reject) => {
        const id = asked++;
        open.set(id, { resolve: resolve as (value: unknown) => void, reject });
        port.postMessage({ ask: id, name, argument } satisfies Letter);
      }),
    tell(name, argument) {
      port.postMessage({ ask: null, name, argument } satisfies Letter);
    },
  };
}
