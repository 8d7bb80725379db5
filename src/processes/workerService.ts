import { parentPort, workerData } from 'node:worker_threads';
import { yieldToControl } from './priority.ts';
import { toldOf } from '../systemErrors.ts';

/** What a worker says: an answer to each request, the first one to its opening. */
export type ServiceReply<Answer> =
  | { answer: Answer }
  /** Cloning between threads would lose the error's class. */
  | { error: { message: string; stack?: string; isUserError: boolean } };

/** What a worker is told that it does not answer. */
export interface Told<Notice> {
  told: Notice;
}

/** What a worker thread offers. */
export interface Service<Request, Answer, Notice = never> {
  answer(request: Request): Answer | Promise<Answer>;
  /** What it throws ends the worker. */
  hear?(notice: Notice): void;
  close(): Promise<void>;
}

/** The worker's side of workerThread.ts: opens a service on the worker's data and answers each request in turn. */
export async function serve<Data, Request, Answer, Notice = never>(
  open: (data: Data) => Promise<Service<Request, Answer, Notice>>,
): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('a service runs in a worker thread');
  const reply = async (work: () => unknown) => {
    try {
      port.postMessage({ answer: await work() });
    } catch (thrown) {
      const { message, stack } = thrown as Error;
      const told = toldOf(thrown);
      const isUserError = told !== undefined;
      port.postMessage({ error: { message: told ?? message, stack, isUserError } });
    }
  };

  yieldToControl();
  await reply(async () => {
    const service = await open(workerData as Data);
    port.on('message', (message: { request: Request } | Told<Notice> | 'close') => {
      if (message === 'close') void reply(() => service.close()).then(() => port.close());
      else if ('told' in message) service.hear?.(message.told);
      else void reply(() => service.answer(message.request));
    });
  });
}
