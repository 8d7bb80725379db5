import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { LateCause } from '../../src/measure/lateness.ts';
import { createMeters } from '../../src/measure/meters.ts';

/**
 * node --expose-gc lateProcess.js gc|event_loop|machine: ticks at 50 Hz, late every SPELL-th of them, until
 * that has been named or LONGEST ticks are over; tells its reading.
 */
const cause = process.argv[2] as LateCause;
const PERIOD = 20;
const SPELL = 15;
const LONGEST = 500;
const ENOUGH = 2;

/** What else wants the cores is not to be what it is late for; not everybody may. */
function goFirst() {
  try {
    setPriority(-10);
    writeFileSync('/proc/self/autogroup', '-10');
  } catch {
    return;
  }
}

/** So many live objects that to collect garbage takes several ticks. */
const ballast =
  cause === 'gc' ? Array.from({ length: 1_000_000 }, (_, value) => ({ value, next: [value] })) : [];

function busy() {
  const until = performance.now() + 100;
  // Each look at the time leaves garbage.
  while (performance.now() < until) for (let beat = 0; beat < 10_000; beat++);
}

const disturb: Record<LateCause, () => unknown> = {
  gc: () => globalThis.gc!(),
  event_loop: busy,
  machine: () => process.send!('stop me'),
};

goFirst();
const meters = createMeters();
const enough = () => meters.reading().missed[cause] >= ENOUGH;
const start = performance.now();
let next = SPELL;
for (let tick = 0; tick < LONGEST && !enough(); tick++) {
  const due = start + tick * PERIOD;
  for (let left = due - performance.now(); left > 0; left = due - performance.now())
    await (left > 2.5 ? setTimeout(left - 1.5) : setImmediate());
  const late = performance.now() - due;
  const missed = Math.floor(late / PERIOD);
  meters.tick(late, missed);
  tick += missed;
  if (tick < next) continue;
  next = tick + SPELL;
  disturb[cause]();
}
await meters.settled();
process.send!({ ...meters.reading(), ballast: ballast.length });
meters.close();
process.disconnect();
