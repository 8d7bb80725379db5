import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSink, publish } from '../../src/episodes/mcap.ts';
import { labelEpisode } from '../../src/episodes/labels.ts';
import { openCourier } from '../../src/link/robot/courier.ts';
import { checkAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { policy } from './link.ts';

/**
 * A robot that finishes an episode every 20 ms until it is killed, labels some of them again and again, and says the
 * name of each once it is on the disk, as of each label and adapter: node runtimeMain.js EPISODES ADAPTERS ADDRESS PREFIX COUNT
 */
const [episodes, adapters, address, prefix, count] = process.argv.slice(2);
const courier = await openCourier({
  episodes,
  adapters,
  address,
  policy,
  onAdapter: (adapter) => {
    checkAdapter('what was handed over', adapter, policy);
    console.log(`adapter ${adapter.version}`);
    return Promise.resolve();
  },
  log: (line) => console.log(`log ${line}`),
});
console.log('open');
await mkdir(episodes, { recursive: true });
for (let i = 0; i < Number(count); i++) {
  const path = join(episodes, `${prefix}-${i}.mcap`);
  const sink = await fileSink(`${path}.partial`);
  await sink.write(randomBytes(i % 5 === 0 ? 2_500_000 : 20_000));
  await sink.sync();
  await sink.close();
  await publish(`${path}.partial`, path);
  courier.notify();
  console.log(`episode ${prefix}-${i}`);
  if (i % 3 === 0) {
    const labelled = `${prefix}-${Math.floor(i / 2)}`;
    const outcome = i % 2 === 0 ? 'failure' : 'success';
    await labelEpisode(join(episodes, `${labelled}.mcap`), { by: prefix, outcome });
    courier.notify();
    console.log(`label ${labelled} ${outcome}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
await writeFile(join(episodes, 'finished'), '');
