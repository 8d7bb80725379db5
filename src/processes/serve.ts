import { parentPort } from 'node:worker_threads';
import { type WarningListener, onWarning } from '../warnings.ts';
import { type Calls, type Message, type Port, connect } from './calls.ts';
import { whenLeftAlone } from './exits.ts';
import { yieldToControl } from './priority.ts';

/** The functions that a child offers. */
export type Service<Functions> = Functions & {
  /** Releases what they use. */
  close?: () => void | Promise<void>;
  /** What a process does before it exits because its parent is gone; nothing where absent. */
  abandon?: () => void | Promise<void>;
};

/** Milliseconds that it may take. */
const PATIENCE = 5000;

/** What every parent offers; see child.ts. */
interface Warned {
  warn: WarningListener;
}

const threadPort = (port: NonNullable<typeof parentPort>): Port => ({
  post: (message) => port.postMessage(message),
  onMessage: (listener) => void port.on('message', listener),
});

/** The channel of this process to the one that started it. */
export const processPort: Port = {
  post: (message) =>
    void (process.connected && process.send!(message, undefined, undefined, () => undefined)),
  onMessage: (listener) => void process.on('message', (message) => listener(message as Message)),
};

/**
 * The child's side of child.ts: opens a service on the parent's data and answers its calls. Warnings go
 * to the parent. A thread gives way to the control loop. A process leaves signals to its parent and exits when that is gone.
 */
export function serve<Functions, Data = unknown, Parent = object>(
  open: (data: Data, parent: Calls<Parent>) => Service<Functions> | Promise<Service<Functions>>,
): void {
  let service: Partial<Service<Functions>> = {};
  const control = {
    async open(data: Data) {
      service = await open(data, connection);
      Object.assign(functions, service, control);
    },
    close: () => service.close?.(),
    /** A thread ends when it has nothing left to wait for. */
    leave: () => (parentPort ? parentPort.close() : process.exit()),
  };
  const functions = { ...control };
  const port = parentPort ? threadPort(parentPort) : processPort;
  const connection = connect<Parent>(port, functions);
  onWarning((text) => (connection as unknown as Calls<Warned>).notify('warn', text));
  if (parentPort) return yieldToControl();

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => undefined);
  whenLeftAlone(() => {
    setTimeout(() => process.exit(), PATIENCE);
    void Promise.resolve(service.abandon?.()).finally(() => process.exit());
  });
}
