import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunksOf, release } from '../../src/openpi/received.ts';

describe('memory that requests came in', () => {
  // Until the port that frees it is closed.
  before(() => sleep(20));

  it('is freed at once', () => {
    const earlier = process.memoryUsage().arrayBuffers;
    const [message, chunk] = [Buffer.alloc(8e6), Buffer.alloc(64 * 1024)];
    assert.ok(process.memoryUsage().arrayBuffers >= earlier + 8e6);
    release([message, chunk, message]);
    assert.deepEqual([message.length, chunk.length], [0, 0]);
    assert.ok(process.memoryUsage().arrayBuffers < earlier + 1e6);
  });

  it('stays where other buffers share it', () => {
    const whole = Buffer.from('whole');
    const part = Buffer.alloc(10_000, 7).subarray(100);
    release([whole, part]);
    assert.equal(whole.toString(), 'whole');
    assert.equal(part[0], 7);
  });

  it('is taken without the chunk that the next message may begin in', () => {
    const connection = new PassThrough();
    const taken: string[][] = [];
    // As ws does, which listens first, and has a whole message when its last chunk comes.
    connection.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('.')) taken.push(take().map(String));
    });
    const take = chunksOf(connection);
    for (const chunk of ['a', 'b', 'c.d', 'e.', '.', 'f']) connection.write(chunk);
    assert.deepEqual(taken, [['a', 'b'], ['c.d'], ['e.']]);
  });

  it('is not kept without end where no message comes of it', () => {
    const connection = new PassThrough();
    const take = chunksOf(connection);
    for (let i = 0; i < 3000; i++) connection.write('ping');
    assert.ok(take().length < 1100);
  });
});
