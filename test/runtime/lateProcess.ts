import { setPriority } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createMeters } from '../../src/runtime/meters.ts';

/** node --expose-gc lateProcess.js gc|event_loop|machine: ticks at 50 Hz, late every SPELL-th of them, tells its reading. */
const cause = process.argv[2];
const PERIOD = 20;
const TICKS = 100;
const SPELL = 20;

try {
  setPriority(-10);
} catch {
  // Not everybody may; then the machine's other work counts for more.
}

/** So many live objects that to collect garbage takes several ticks. */
const ballast =
  cause === 'gc' ? Array.from({ length: 1_000_000 }, (_, value) => ({ value, next: [value] })) : [];

function busy() {
  const until = performance.now() + 150;
  while (performance.now() < until);
}

const disturb: Record<string, () => unknown> = {
  gc: () => globalThis.gc!(),
  event_loop: busy,
  machine: () => process.send!('stop me'),
};

const meters = createMeters();
let next = SPELL;
const start = performance.now();
for (let tick = 0; tick < TICKS; tick++) {
  const due = start + tick * PERIOD;
  for (let left = due - performance.now(); left > 0; left = due - performance.now())
    await (left > 2.5 ? setTimeout(left - 1.5) : setImmediate());
  const late = performance.now() - due;
  const missed = Math.floor(late / PERIOD);
  meters.tick(late, missed);
  tick += missed;
  if (tick >= next) {
    next = tick + SPELL;
    disturb[cause]();
  }
}
await meters.settled();
process.send!({ ...meters.reading(), ballast: ballast.length });
meters.close();
process.disconnect();
