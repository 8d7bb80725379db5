import { setImmediate, setTimeout } from 'node:timers/promises';

/** Prints how late, ms at p99, a process is that does nothing but tick at 50 Hz: node bareTimer.js SECONDS */
const ticks = Number(process.argv[2]) * 50;
const start = performance.now();
const lateness: number[] = [];
for (let tick = 0; tick < ticks; tick++) {
  const due = start + tick * 20;
  for (let left = due - performance.now(); left > 0; left = due - performance.now())
    await (left > 2.5 ? setTimeout(left - 1.5) : setImmediate());
  lateness.push(performance.now() - due);
}
lateness.sort((a, b) => a - b);
console.log(lateness[Math.floor(ticks * 0.99)]);
