import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openCourier } from '../src/link/robot/courier.ts';
import { METHODS } from '../src/learning/methods.ts';
import { parseNats } from '../src/nats/address.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { explorationSchema } from '../src/policy/exploration.ts';
import { ownProcesses } from '../src/rollouts/pool.ts';
import { gapSchema } from '../src/sim/gap.ts';

/**
 * A simulated robot of a fleet, which makes attempts until it is told to stop, and ends when the learner has them all:
 * node fleetRobot.js FOLDER ADDRESS POLICY GAP SEED, with the gap as JSON. Seeds count up from the first.
 */
const [folder, address, policy, gap, seed] = process.argv.slice(2);
const TRAINABLE = { parameters: 'expert' } as const;
const [episodes, adapters] = [join(folder, 'episodes'), join(folder, 'adapters')];
const exploration = explorationSchema.parse(METHODS.view.exploration);
const pool = ownProcesses(
  {
    policy,
    robot: parseNats(address).name,
    task: 'transfer-cube',
    trainable: TRAINABLE,
    gap: gapSchema.parse(JSON.parse(gap)),
  },
  1,
);
const bundle = await loadBundle(policy);
const courier = await openCourier({
  ...{ episodes, adapters, address },
  policy: { ...bundle, trainable: TRAINABLE },
  // The pool reads the whole version, and plays it at this robot's place.
  onAdapter: ({ version }) => pool.adopt(join(adapters, `${version}.safetensors`)),
  log: () => undefined,
});

let isStopping = false;
process.on('SIGTERM', () => (isStopping = true));
const made = async () =>
  (await readdir(episodes).catch(() => [])).filter((name) => name.endsWith('.mcap')).length;
for (let next = Number(seed) + (await made()); !isStopping; next++) {
  const record = { folder: episodes, id: `attempt-${next}` };
  await pool.run([{ seed: next, exploration, record }], () => undefined);
  courier.notify();
}
await pool.close();
courier.notify();
while (courier.status().pending > 0 || courier.status().acknowledged < (await made()))
  await setTimeout(50);
await courier.close();
process.exit();
