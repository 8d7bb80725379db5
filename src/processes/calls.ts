import { type Fault, UserError, messageOf } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';

type Call = {
  call: string;
  args: unknown[];
  /** Absent where no answer is expected. */ id?: number;
};
type Answer = { id: number; value: unknown } | { id: number; error: PackedError };
export type Message = Call | Answer;

/** A two-way channel of messages that can be cloned, to a thread or a process. */
export interface Port {
  post(message: Message): void;
  onMessage(listener: (message: Message) => void): void;
}

type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never) => infer R ? Awaited<R> : never;

/** Calls to the functions at the other end of a port. */
export interface Calls<Remote> {
  /** Resolves to the function's result; rejects with what it threw, or when the other end has ended. */
  ask<K extends keyof Remote & string>(
    name: K,
    ...args: Arguments<Remote[K]>
  ): Promise<Result<Remote[K]>>;
  /** Calls without an answer. An error that the function throws ends the other end. */
  notify<K extends keyof Remote & string>(name: K, ...args: Arguments<Remote[K]>): void;
}

export interface Connection<Remote> extends Calls<Remote> {
  /** Rejects all calls that wait for an answer, and all later ones. */
  fail(error: Error): void;
}

/** An error as a message: cloning would lose its class. */
interface PackedError {
  message: string;
  stack?: string;
  /** What a `UserError` has beside its message; absent for any other error. */
  user?: Fault & { exitCode: number };
}

function pack(thrown: unknown): PackedError {
  const sentence = toldOf(thrown);
  if (sentence === undefined)
    return { message: messageOf(thrown), stack: (thrown as Partial<Error> | undefined)?.stack };
  const { exitCode, kind, subject, fields } = new UserError(sentence, thrown instanceof UserError ? thrown : { cause: thrown }); // prettier-ignore
  return { message: sentence, user: { exitCode, kind, subject, fields } };
}

function unpack({ message, stack, user }: PackedError): Error {
  if (user) return new UserError(message, user);
  return Object.assign(new Error(message), { stack });
}

/** A call that waits for its answer. */
interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** Lets the two ends of a port call each other's functions; `local` are those of this end. */
export function connect<Remote>(port: Port, local: object): Connection<Remote> {
  const functions = local as Record<string, (...args: unknown[]) => unknown>;
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  let failure: Error | undefined;

  const answer = async ({ call, args, id }: Call): Promise<void> => {
    try {
      const value = await functions[call](...args);
      if (id !== undefined) port.post({ id, value });
    } catch (error) {
      if (id === undefined) throw error;
      port.post({ id, error: pack(error) });
    }
  };

  port.onMessage((message) => {
    if ('call' in message) return void answer(message);
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if ('error' in message) call?.reject(unpack(message.error));
    else call?.resolve(message.value);
  });

  return {
    ask: (call, ...args) =>
      new Promise((resolve, reject) => {
        if (failure) throw failure;
        const id = calls++;
        port.post({ call, args, id });
        waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      }),
    notify: (call, ...args) => port.post({ call, args }),
    fail(error) {
      failure ??= error;
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
    },
  };
}
