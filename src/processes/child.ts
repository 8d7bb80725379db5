import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { unready } from '../errors.ts';
import { warn } from '../warnings.ts';
import { type Calls, type Message, type Port, connect } from './calls.ts';
import { childModule } from './childModule.ts';
import { describeExit, exitOf } from './exits.ts';

/** A thread or process of this one; see serve.ts for its side. */
export interface Child<Remote> extends Calls<Remote> {
  /** Resolves when its service is open; rejects with what opening threw. */
  readonly opened: Promise<void>;
  /** Rejects when it has ended, asked to or not, with a `UserError` that says how or the error that ended it. */
  readonly ended: Promise<never>;
  /** Closes its service and waits for its end. Rejects with what closing threw. */
  close: () => Promise<void>;
  /** Ends it at once, whatever it does. */
  kill: () => Promise<void>;
}

export interface ChildOptions {
  /** What errors call it, as `the policy's thread`. */
  name: string;
  /** What its service is opened with. */
  data?: unknown;
  /** Functions of this end that it may call. */
  local?: object;
}

export interface ProcessOptions extends ChildOptions {
  /** Arguments of its command line, by which people tell processes apart. */
  args?: readonly string[];
  /** Node's own arguments; those of this process where absent. */
  execArgv?: string[];
  /** Receives its stderr, which otherwise is that of this process. */
  onStderr?: (text: string) => void;
}

/** Milliseconds that a process has to close before it is killed. */
const PATIENCE = 10_000;

/** What serve.ts adds to the functions of a service. */
interface Control {
  open: (data: unknown) => Promise<void>;
  close: () => Promise<void>;
  leave: () => void;
}

/** A thread or process that has been started. */
interface Started {
  port: Port;
  /** Resolves to how it ended. */
  exit: Promise<Error>;
  kill: () => void;
  patience?: number;
}

function manage<Remote>(started: Started, { data, local = {} }: ChildOptions): Child<Remote> {
  const { port, exit, kill, patience } = started;
  const connection = connect<Control>(port, { warn, ...local });
  const ended = exit.then((error) => {
    connection.fail(error);
    throw error;
  });
  ended.catch(() => undefined);
  const opened = connection.ask('open', data);
  opened.catch(() => undefined);

  const close = async () => {
    const timer = patience === undefined ? undefined : setTimeout(kill, patience);
    let error: unknown;
    await connection.ask('close').catch((thrown: unknown) => (error = thrown));
    connection.notify('leave');
    const end = await exit;
    clearTimeout(timer);
    // One that has ended is closed.
    if (error !== undefined && error !== end) throw error as Error;
  };
  let closed: Promise<void> | undefined;
  return {
    ...(connection as unknown as Calls<Remote>),
    opened,
    ended,
    close: () => (closed ??= close()),
    async kill() {
      kill();
      await exit;
    },
  };
}

/** Starts a module as a thread. */
export function startThread<Remote>(module: URL, options: ChildOptions): Child<Remote> {
  const worker = new Worker(childModule(module));
  let thrown: Error | undefined;
  worker.once('error', (error) => (thrown = error));
  const exit = new Promise<Error>((resolve) => {
    worker.once('exit', (code) =>
      resolve(thrown ?? unready(`${options.name} ${describeExit(code)}`)),
    );
  });
  const port: Port = {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => void worker.on('message', listener),
  };
  const kill = () => void worker.terminate();
  return manage({ port, exit, kill }, options);
}

/** Starts a module as a process. It has no stdin and no stdout. */
export function startProcess<Remote>(module: URL, options: ProcessOptions): Child<Remote> {
  const { name, args = [], execArgv, onStderr } = options;
  const child = fork(childModule(module), args, {
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', onStderr ? 'pipe' : 'inherit', 'ipc'],
  });
  child.stderr?.setEncoding('utf8').on('data', onStderr!);
  const exit = exitOf(child).then((how) => unready(`${name} ${how}`));
  const port: Port = {
    // What cannot be sent finds no receiver: its end rejects the call.
    post: (message) => void (child.connected && child.send(message, () => undefined)),
    onMessage: (listener) =>
      void child.on('message', (message) => listener(message as unknown as Message)),
  };
  const kill = () => void child.kill('SIGKILL');
  return manage({ port, exit, kill, patience: PATIENCE }, options);
}

/** Waits until a child's service is open. Rejects with what opening threw. */
export async function whenOpen<Remote>(child: Child<Remote>): Promise<Child<Remote>> {
  try {
    await child.opened;
    return child;
  } catch (error) {
    await child.kill();
    throw error;
  }
}

/** Starts a module as a thread and opens its service. Rejects with what opening threw. */
export const openThread = <Remote>(module: URL, options: ChildOptions) =>
  whenOpen(startThread<Remote>(module, options));

/** Starts a module as a process and opens its service. Rejects with what opening threw. */
export const openProcess = <Remote>(module: URL, options: ProcessOptions) =>
  whenOpen(startProcess<Remote>(module, options));
