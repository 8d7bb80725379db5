import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { untilWall } from '../src/robot/wallClock.ts';
import { type Percentiles, createDistribution } from '../src/measure/distribution.ts';

/** ns */
const PERIOD = 20_000_000n;
const HERE = fileURLToPath(import.meta.url);

/** How late a process of its own is that does nothing but tick at 50 Hz: what the machine itself adds. */
export async function bareTimer(seconds: number): Promise<Percentiles> {
  const { stdout } = await promisify(execFile)(process.execPath, [HERE, String(seconds)]);
  return JSON.parse(stdout) as Percentiles;
}

async function tick(seconds: number): Promise<Percentiles | null> {
  const lateness = createDistribution();
  const now = () => process.hrtime.bigint();
  const start = now();
  for (let count = 0; count < seconds * 50; count++) {
    const due = start + BigInt(count) * PERIOD;
    await untilWall(now, due);
    lateness.add(Number(now() - due) / 1e6);
  }
  return lateness.percentiles();
}

if (process.argv[1] === HERE) console.log(JSON.stringify(await tick(Number(process.argv[2]))));
