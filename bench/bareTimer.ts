import { execFile } from 'node:child_process';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Percentiles, createDistribution } from '../src/runtime/distribution.ts';

const HERE = fileURLToPath(import.meta.url);

/** How late a process of its own is that does nothing but tick at 50 Hz: what the machine itself adds. */
export async function bareTimer(seconds: number): Promise<Percentiles> {
  const { stdout } = await promisify(execFile)(process.execPath, [HERE, String(seconds)]);
  return JSON.parse(stdout) as Percentiles;
}

async function tick(seconds: number): Promise<Percentiles | null> {
  const lateness = createDistribution();
  const start = performance.now();
  for (let count = 0; count < seconds * 50; count++) {
    const due = start + count * 20;
    for (let left = due - performance.now(); left > 0; left = due - performance.now())
      await (left > 2.5 ? setTimeout(left - 1.5) : setImmediate());
    lateness.add(performance.now() - due);
  }
  return lateness.percentiles();
}

if (process.argv[1] === HERE) console.log(JSON.stringify(await tick(Number(process.argv[2]))));
