import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import { yieldToControl } from '../priority.ts';

/** What a worker says: an answer to each request, the first one to its opening. */
export type ServiceReply<Answer> =
  | { answer: Answer }
  /** Cloning between threads would lose the error's class. */
  | { error: { message: string; stack?: string; isUserError: boolean } };

/** What a worker thread offers. */
export interface Service<Request, Answer> {
  answer(request: Request): Answer | Promise<Answer>;
  close(): Promise<void>;
}

/** The worker's side of workerThread.ts: opens a service on the worker's data and answers each request in turn. */
export async function serve<Data, Request, Answer>(
  open: (data: Data) => Promise<Service<Request, Answer>>,
): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('a service runs in a worker thread');
  const reply = async (work: () => unknown) => {
    try {
      port.postMessage({ answer: await work() });
    } catch (thrown) {
      const { message, stack } = thrown as Error;
      port.postMessage({ error: { message, stack, isUserError: thrown instanceof UserError } });
    }
  };

  yieldToControl();
  await reply(async () => {
    const service = await open(workerData as Data);
    port.on('message', (request: Request | 'close') => {
      if (request !== 'close') return void reply(() => service.answer(request));
      void reply(() => service.close()).then(() => port.close());
    });
  });
}
