import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { SessionConfig } from '../onnx/session.ts';
import { yieldToControl } from '../priority.ts';
import type { Adapter } from './adapter.ts';
import type { Bundle } from './bundle.ts';
import type { Chunk } from './chunkPolicy.ts';
import { type SampleRequest, openSampler } from './sampler.ts';
import type { Trainable } from './trainable.ts';

/** The worker's side of workerPolicy.ts: answers each request in turn. */
export type WorkerRequest = { sample: SampleRequest } | { adopt: Adapter } | 'close';
export type WorkerReply =
  | 'ready'
  | 'closed'
  | 'adopted'
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
const { bundle, session, trainable } = workerData as {
  bundle: Bundle;
  session: SessionConfig;
  trainable?: Trainable;
};

yieldToControl();
try {
  const sampler = await openSampler(bundle, session, trainable);
  port.on('message', (request: WorkerRequest) => {
    if (request === 'close') {
      void sampler.close().then(() => {
        reply('closed');
        port.close();
      });
      return;
    }
    if ('sample' in request) {
      sampler.sample(request.sample).then((chunk) => reply({ chunk }), replyError);
      return;
    }
    try {
      sampler.adopt(request.adopt);
      reply('adopted');
    } catch (error) {
      replyError(error as Error);
    }
  });
  reply('ready');
} catch (error) {
  replyError(error as Error);
}
