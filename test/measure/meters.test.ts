import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createDistribution } from '../../src/measure/distribution.ts';
import { createMeters, readingTable } from '../../src/measure/meters.ts';
import { LOOPBACK, serveMetrics } from '../../src/measure/metrics.ts';
import { assertRejectsAbout } from '../refusals.ts';

describe('a distribution', () => {
  it('has the percentiles of the sorted values to a rank, and a microsecond or a thousandth', () => {
    const values = fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), {
      minLength: 1,
      maxLength: 500,
    });
    fc.assert(
      fc.property(values, (given) => {
        const distribution = createDistribution();
        given.forEach((value) => distribution.add(value));
        const read = distribution.percentiles()!;
        const sorted = [...given].sort((a, b) => a - b);
        const rank = (share: number) => (share / 100) * (sorted.length - 1);
        const shares = { p50: 50, p90: 90, p99: 99, p999: 99.9 } as const;
        for (const [name, share] of Object.entries(shares)) {
          const value = read[name as keyof typeof shares];
          const least = sorted[Math.max(Math.floor(rank(share)) - 1, 0)];
          const most = sorted[Math.min(Math.ceil(rank(share)) + 1, sorted.length - 1)];
          assert.ok(value >= least * 0.999 - 1.1e-3, `${name}: ${value}, at least ${least}`);
          assert.ok(value <= most * 1.001 + 1.1e-3, `${name}: ${value}, at most ${most}`);
        }
        assert.equal(read.max, sorted.at(-1));
        assert.equal(read.count, given.length);
      }),
    );
  });

  it('is nothing without values, and takes what is less than none for none', () => {
    const distribution = createDistribution();
    assert.equal(distribution.percentiles(), null);
    distribution.add(-1);
    assert.equal(distribution.percentiles()!.max, 0);
  });
});

const timing = { preprocess: 2, run: 30, total: 33 };
const timeline = { requested: 0n, arrived: 0n, joined: 0n, firstCommand: 90_000_000n, timing };

describe('meters', () => {
  it('read as a table of what was measured, and only that', () => {
    const meters = createMeters();
    assert.deepEqual(readingTable(meters.reading()), []);
    meters.chunk({ policyVersion: 'v1', timing });
    meters.firstCommand(timeline, 20_000_000n);
    const [head, ...rows] = readingTable(meters.reading());
    assert.match(head, /p50 +p90 +p99 +p99\.9 +max$/);
    assert.equal(rows.length, 4);
    assert.match(rows[1], /ONNX Runtime.* 30\.00$/);
    assert.match(rows[3], /first command.* 70\.00$/);
    meters.tick(0.25, 0);
    assert.equal(readingTable(meters.reading()).at(-1), '0 ticks missed');
    meters.close();
  });
});

describe('metrics', () => {
  it('are refused at a port that there is not', async () => {
    for (const port of [-1, 1.5, 65536, 99999, NaN])
      await assertRejectsAbout(serveMetrics(port, LOOPBACK), {
        ...{ kind: 'invalid', subject: `127.0.0.1:${port}`, names: ['1 to 65535'] },
      });
  });

  it("are Prometheus' text: histograms in seconds, counters by label, the version that plays", async () => {
    const metrics = await serveMetrics(0, LOOPBACK);
    try {
      const meters = createMeters(metrics.listener);
      for (const version of ['v1', 'v2', 'v2']) meters.chunk({ policyVersion: version, timing });
      meters.firstCommand(timeline, 20_000_000n);
      meters.tick(1.5, 0);
      meters.guarded([{ rule: 'velocity', action: 'limit', source: 'waist', amount: 1 }]);
      meters.attempt('success');
      metrics.listener.missed('gc', 3);
      meters.close();

      assert.match(metrics.url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
      const response = await fetch(metrics.url);
      assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
      const lines = (await response.text()).split('\n');
      for (const line of [
        'nalu_tick_lateness_seconds_bucket{le="0.001"} 0',
        'nalu_tick_lateness_seconds_bucket{le="0.002"} 1',
        'nalu_chunk_run_seconds_sum 0.09',
        'nalu_chunk_run_seconds_count 3',
        'nalu_observation_to_command_seconds_sum 0.07',
        'nalu_missed_ticks_total{cause="gc"} 3',
        'nalu_chunks_total 3',
        'nalu_guard_events_total{rule="velocity",action="limit"} 1',
        'nalu_attempts_total{outcome="success"} 1',
        'nalu_policy_info{version="v2"} 1',
      ])
        assert.ok(lines.includes(line), line);
      assert.ok(!lines.some((line) => line.includes('version="v1"')));
      assert.ok(lines.some((line) => line.startsWith('process_resident_memory_bytes ')));
      assert.equal((await fetch(new URL('/', metrics.url))).status, 404);
    } finally {
      await metrics.close();
    }
  });

  it('say which port is taken', async () => {
    const first = await serveMetrics(0, LOOPBACK);
    const port = Number(new URL(first.url).port);
    const subject = `127.0.0.1:${port}`;
    await assertRejectsAbout(serveMetrics(port, LOOPBACK), { kind: 'unready', subject });
    await first.close();
  });
});
