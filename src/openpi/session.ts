import type { WebSocket } from 'ws';
import { UserError } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';
import type { ChunkPolicy, NoiseSource } from '../policy/chunkPolicy.ts';
import type { Exploration } from '../policy/exploration.ts';
import type { Attempts } from './attempts.ts';
import { release } from './received.ts';
import { endedReply, replyOf } from './reply.ts';
import { type RequestReader, readEnding, readRequest } from './request.ts';
import { type Wire, decode, encode } from './wire.ts';

/** Close codes of RFC 6455. */
const [INTERNAL_ERROR, TRY_AGAIN_LATER] = [1011, 1013];

/** openpi's own reason, which its clients may look for. */
const FAILED = 'Internal server error. Traceback included in previous frame.';

/** Requests of a client that may wait for the one before; openpi's clients send one at a time. */
const MOST_WAITING = 4;

/** What all sessions of a server share. */
export interface Served extends RequestReader {
  policy: Pick<ChunkPolicy, 'sample'>;
  /** A seed that no request before had. */
  nextSeed(): number;
  /** Where attempts are recorded, if they are. */
  attempts?: Attempts;
  /** How attempts explore that are learned from. */
  exploration?: Exploration;
  /** Called with what went wrong at a client. */
  onProblem(client: string, problem: string): void;
}

function requestOf(data: unknown, isBinary: boolean): Buffer {
  if (isBinary) return data as Buffer;
  throw new UserError('a text message; requests are msgpack in binary messages', {
    kind: 'invalid',
  });
}

/** The noise of an attempt that explores, unless the client gives its own. */
const explored = (
  noise: NoiseSource,
  attempt: number,
  exploration: Exploration | undefined,
): NoiseSource =>
  noise === 'zero' || noise.given || !exploration ? noise : { ...noise, attempt, exploration };

/**
 * Answers one client's requests in their order, until one fails or the client goes. `takeChunks` takes the memory that
 * they came in.
 */
export function serveClient(
  socket: WebSocket,
  client: string,
  served: Served,
  takeChunks: () => Buffer[],
): void {
  const { policy, metadata } = served;
  let previousTotal: number | undefined;
  let waiting = 0;
  let inOrder = Promise.resolve();
  let failed = false;
  const attempts = served.attempts?.of();

  const send = (data: string | Buffer) =>
    new Promise<void>((sent) => socket.send(data, () => sent()));

  async function answer(request: Buffer, arrived: number): Promise<void> {
    const message = decode(request);
    const ending = readEnding(message);
    if (ending && !attempts)
      throw new UserError('nalu.end: this server records no attempts; start it with --record', {
        kind: 'unready',
        fields: ['nalu.end'],
      });
    if (ending) return send(encode(endedReply(ending, await attempts!.end(ending))));
    const { observation, noise, join, executed, features } = readRequest(message, served.nextSeed(), served); // prettier-ignore
    attempts?.begin(observation.prompt, executed);
    const source = explored(noise, attempts?.number ?? 0, served.exploration);
    const began = performance.now();
    const chunk = await policy.sample(observation, source, join);
    const infer = performance.now() - began;
    attempts?.sampled({ observation, chunk, delay: join?.delay ?? 0 });
    await send(encode(replyOf(chunk, metadata, { infer, previousTotal, features })));
    previousTotal = performance.now() - arrived;
  }

  async function fail(error: unknown): Promise<void> {
    failed = true;
    const told = toldOf(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)); // prettier-ignore
    served.onProblem(client, told);
    await send(told);
    socket.close(INTERNAL_ERROR, FAILED);
  }

  socket.on('message', (data, isBinary) => {
    if (failed) return;
    const arrived = performance.now();
    const chunks = takeChunks();
    if (++waiting > MOST_WAITING) {
      failed = true;
      return socket.close(TRY_AGAIN_LATER, 'more requests than answers; send one at a time');
    }
    inOrder = inOrder.then(async () => {
      if (!failed && socket.readyState === socket.OPEN) {
        try {
          const request = requestOf(data, isBinary);
          await answer(request, arrived);
          // A recorder may still read the images.
          if (!attempts) release([request, ...chunks]);
        } catch (error) {
          await fail(error);
        }
      }
      waiting -= 1;
    });
  });
  socket.on('error', (error) => served.onProblem(client, error.message));
  socket.on('close', () => void inOrder.then(() => attempts?.left()));
  socket.send(encode({ nalu: metadata as unknown as Wire }));
}
