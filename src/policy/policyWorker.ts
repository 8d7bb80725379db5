import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { SessionConfig } from '../onnx/session.ts';
import type { Bundle } from './bundle.ts';
import type { Chunk } from './chunkPolicy.ts';
import { type SampleRequest, openSampler } from './sampler.ts';

/** The worker's side of workerPolicy.ts: answers each request in turn. */
export type WorkerRequest = { sample: SampleRequest } | 'close';
export type WorkerReply =
  | 'ready'
  | 'closed'
  | { chunk: Chunk }
  /** Cloning between threads would lose the error's class. */
  | { error: { message: string; stack?: string; isUserError: boolean } };

const port = parentPort;
if (!port) throw new Error('policyWorker.ts runs in a worker thread');

const reply = (message: WorkerReply) => port.postMessage(message);
const replyError = (error: Error) => {
  const { message, stack } = error;
  reply({ error: { message, stack, isUserError: error instanceof UserError } });
};
const { bundle, session } = workerData as { bundle: Bundle; session: SessionConfig };

try {
  const sampler = await openSampler(bundle, session);
  port.on('message', (request: WorkerRequest) => {
    if (request === 'close') {
      void sampler.close().then(() => {
        reply('closed');
        port.close();
      });
      return;
    }
    sampler.sample(request.sample).then((chunk) => reply({ chunk }), replyError);
  });
  reply('ready');
} catch (error) {
  replyError(error as Error);
}
