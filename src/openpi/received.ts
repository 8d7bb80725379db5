import { MessageChannel } from 'node:worker_threads';
import type { Duplex } from 'node:stream';
import { MOST_MESSAGE_BYTES } from './protocol.ts';

/** A port whose other end is closed: what is moved to it is freed at once. */
const { port1: nobody, port2: closed } = new MessageChannel();
closed.close();

/** A buffer's memory where the whole of it is its own: Node.js shares memory among small ones. */
const ownMemory = ({ buffer, length }: Buffer): ArrayBuffer[] =>
  buffer instanceof ArrayBuffer && length === buffer.byteLength ? [buffer] : [];

/**
 * Frees the memory of buffers that nobody reads any more, where the garbage collector would do it later: V8 counts
 * buffers as part of its heap, and marks all of it again for every 15 MB of them, which are 15 requests.
 */
export function release(buffers: readonly Buffer[]): void {
  nobody.postMessage(null, [...new Set(buffers.flatMap(ownMemory))]);
}

/** Chunks of the longest message, 64 kiB each; where more are held, nothing but pings came in them. */
const MOST_CHUNKS = MOST_MESSAGE_BYTES / 2 ** 16;

/**
 * The chunks that a connection's messages come in. What is returned takes those that nothing after the current message
 * stands in; call it in the message's event. To be called after `ws` listens to the connection: the last chunk of a
 * message is then not among its own, because the next message may begin in it.
 */
export function chunksOf(connection: Duplex): () => Buffer[] {
  let chunks: Buffer[] = [];
  connection.on('data', (chunk: Buffer) => {
    if (chunks.length > MOST_CHUNKS) chunks = [];
    chunks.push(chunk);
  });
  return () => chunks.splice(0);
}
