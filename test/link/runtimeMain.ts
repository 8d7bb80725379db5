import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSink, publish } from '../../src/episodes/mcap.ts';
import { labelEpisode } from '../../src/episodes/labels.ts';
import { openCourier } from '../../src/link/robot/courier.ts';
import { messageOf } from '../../src/errors.ts';
import { makeAdapter } from '../../src/policy/bundle/adapter.ts';
import { checkAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { policy } from './link.ts';
import { keepTicks } from './ticks.ts';

/**
 * A robot that finishes an episode every PAUSE ms until it is killed, every fifth of LARGE bytes, labels some of them
 * again and again, and says the name of each once it is on the disk, as of each label and adapter, and of an adapter that
 * is not what its version says; beside it, it keeps control steps: node runtimeMain.js EPISODES ADAPTERS ADDRESS PREFIX COUNT [PAUSE LARGE]
 */
const [episodes, adapters, address, prefix, count, pause = '20', large = '2500000'] = process.argv.slice(2); // prettier-ignore
const courier = await openCourier({
  episodes,
  adapters,
  address,
  policy,
  onAdapter: (adapter) => {
    checkAdapter('what was handed over', adapter, policy);
    console.log(`adapter ${adapter.version}`);
    if (makeAdapter(adapter).version !== adapter.version) console.log(`half ${adapter.version}`);
    return Promise.resolve();
  },
  log: (line) => console.log(`log ${line}`),
});
console.log('open');
void keepTicks();
await mkdir(episodes, { recursive: true });

async function record(name: string, bytes: number): Promise<void> {
  const path = join(episodes, `${name}.mcap`);
  const sink = await fileSink(`${path}.partial`);
  try {
    await sink.write(randomBytes(bytes));
    await sink.sync();
  } finally {
    await sink.close();
  }
  await publish(`${path}.partial`, path);
  console.log(`episode ${name}`);
}

async function label(name: string, outcome: 'failure' | 'success'): Promise<void> {
  await labelEpisode(join(episodes, `${name}.mcap`), { by: prefix, outcome });
  console.log(`label ${name} ${outcome}`);
}

for (let i = 0; i < Number(count); i++) {
  try {
    await record(`${prefix}-${i}`, i % 5 === 0 ? Number(large) : 20_000);
    courier.notify();
    if (i % 3 === 0) {
      await label(`${prefix}-${Math.floor(i / 2)}`, i % 2 === 0 ? 'failure' : 'success');
      courier.notify();
    }
  } catch (error) {
    console.log(`not recorded: ${messageOf(error)}`);
  }
  await new Promise((resolve) => setTimeout(resolve, Number(pause)));
}
await writeFile(join(episodes, 'finished'), '');
