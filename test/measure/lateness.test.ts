import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { LATE_CAUSES, type LateCause, causeOf } from '../../src/measure/lateness.ts';
import { type MeterReading, describeMissed } from '../../src/measure/meters.ts';

/** Reading of a process that ticks and is late now and then for this cause; for `machine` it is stopped from here. */
async function late(cause: LateCause): Promise<MeterReading> {
  const child = fork(join(import.meta.dirname, 'lateProcess.js'), [cause], {
    execArgv: ['--expose-gc'],
    // A session of its own is scheduled for itself.
    detached: true,
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.on('message', (message: 'stop me' | MeterReading) => {
      if (message !== 'stop me') return resolve(message);
      child.kill('SIGSTOP');
      void setTimeout(100).then(() => child.kill('SIGCONT'));
    });
  });
}

describe('a missed tick', () => {
  for (const cause of LATE_CAUSES)
    it(`is named ${cause} where that is what it waited for`, async () => {
      const { missed, figures } = await late(cause);
      assert.ok(missed[cause] >= 2, describeMissed(missed));
      // What else runs here may take its ticks too; this process is late for nothing else.
      const others = LATE_CAUSES.filter((other) => other !== cause && other !== 'machine');
      for (const other of others) assert.ok(missed[other] < missed[cause], describeMissed(missed));
      assert.ok(figures.lateness!.max >= 40, `${figures.lateness!.max} ms late at most`);
    });

  it('is named by what took most of its lateness', () => {
    assert.equal(causeOf(50, 30, 45), 'gc');
    assert.equal(causeOf(50, 10, 45), 'event_loop');
    assert.equal(causeOf(50, 10, 20), 'machine');
    // Computing before the tick was due does not count against it.
    assert.equal(causeOf(20, 0, 500), 'event_loop');
  });

  it('is told in words', () => {
    assert.equal(
      describeMissed({ gc: 2, event_loop: 0, machine: 1 }),
      '3 ticks missed (2 gc, 1 machine)',
    );
    assert.equal(describeMissed({ gc: 0, event_loop: 0, machine: 0 }), '0 ticks missed');
  });
});
