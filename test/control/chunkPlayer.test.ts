import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createChunkPlayer } from '../../src/control/chunkPlayer.ts';

const HORIZON = 10;

/** A chunk of one joint whose row r says origin + r: the step that the row belongs to. */
const chunk = (origin: number) => ({
  content: origin,
  origin,
  actions: Float32Array.from({ length: HORIZON }, (_, row) => origin + row),
  horizon: HORIZON,
});

describe('the chunk player', () => {
  it('has nothing to play before the first chunk and after the last row', () => {
    const player = createChunkPlayer<number>(1);
    assert.equal(player.row(0), null);
    player.swap(chunk(0), 0);
    assert.deepEqual(player.row(9), Float64Array.of(9));
    assert.equal(player.row(10), null);
    assert.equal(player.finish()?.content, 0);
    assert.equal(player.finish(), undefined);
  });

  it('skips the rows that are past when a chunk arrives late', () => {
    const player = createChunkPlayer<number>(1);
    player.swap(chunk(4), 7);
    assert.deepEqual(player.row(7), Float64Array.of(7));
    player.sent(7);
    player.sent(8);
    assert.deepEqual(player.finish(), { content: 4, delay: 3, from: 3, to: 5, held: 0 });
  });

  it('counts rows that were held between those that were sent', () => {
    const player = createChunkPlayer<number>(1);
    player.swap(chunk(0), 0);
    for (const tick of [1, 2, 5]) player.sent(tick);
    assert.deepEqual(player.finish(), { content: 0, delay: 0, from: 1, to: 6, held: 2 });
  });

  it('says that nothing was sent of a chunk that came too late', () => {
    const player = createChunkPlayer<number>(1);
    player.swap(chunk(0), 12);
    assert.equal(player.row(12), null);
    assert.deepEqual(player.finish(), { content: 0, delay: 12, from: 10, to: 10, held: 0 });
  });

  it('plays each step its own row and accounts for every row sent, whatever the delays', () => {
    const schedule = fc.array(
      fc.record({ delay: fc.nat(12), steps: fc.integer({ min: 1, max: 12 }) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(schedule, (swaps) => {
        const player = createChunkPlayer<number>(1);
        const ended = [];
        const played: number[] = [];
        let tick = 20;
        for (const { delay, steps } of swaps) {
          const last = player.swap(chunk(tick - delay), tick);
          if (last) ended.push(last);
          for (let step = 0; step < steps; step++, tick++) {
            const row = player.row(tick);
            if (!row) continue;
            assert.equal(row[0], tick);
            player.sent(tick);
            played.push(tick);
          }
        }
        const last = player.finish();
        if (last) ended.push(last);
        const accounted = ended.flatMap(({ content, from, to }) =>
          Array.from({ length: to - from }, (_, row) => content + from + row),
        );
        assert.deepEqual(accounted, played);
        assert.ok(ended.every(({ from, to, held }) => from <= to && to <= HORIZON && held === 0));
      }),
    );
  });

  it('plays the mean of all chunks that speak of a step where it ensembles, the oldest weighing most', () => {
    const player = createChunkPlayer<number>(1, true);
    const flat = (origin: number, value: number) => ({
      ...chunk(origin),
      actions: new Float32Array(HORIZON).fill(value),
    });
    player.swap(flat(0, 0), 0);
    assert.equal(player.row(1)![0], 0);
    player.swap(flat(2, 3), 3);
    player.swap(flat(4, 6), 5);
    const younger = [Math.exp(-0.01), Math.exp(-0.02)];
    const mean = (3 * younger[0] + 6 * younger[1]) / (1 + younger[0] + younger[1]);
    assert.ok(Math.abs(player.row(9)![0] - mean) < 1e-12);
    assert.ok(Math.abs(player.row(10)![0] - (3 + 6 * younger[0]) / (1 + younger[0])) < 1e-12);
    assert.equal(player.row(12)![0], 6);
    assert.equal(player.row(14), null);
    player.sent(9);
    assert.deepEqual(player.finish(), { content: 4, delay: 1, from: 5, to: 6, held: 0 });
  });
});
