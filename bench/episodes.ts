import { sessionConfigSchema } from '../src/session/session.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { runAttempt } from '../src/control/attempt.ts';
import { simulatedAloha } from '../src/sim/simulatedAloha.ts';
import { type Row, median } from './row.ts';

const EPISODES = 200;
/** Until then caches and the garbage collector's heap settle. */
const WARM_UP = 40;
const MEBIBYTE = 2 ** 20;

/** Whole episodes with three cameras and the shipped policy: how fast, and whether memory stays flat. */
export async function benchEpisodes(): Promise<Row[]> {
  const bundle = await loadBundle(packagePath('models/aloha-mini'));
  const policy = await openWorkerPolicy(bundle, sessionConfigSchema.parse({ threads: 2 }));
  const sim = await simulatedAloha({ task: 'transfer-cube', cameras: bundle.cameras });
  const rates: number[] = [];
  const memory: number[] = [];
  for (let seed = 0; seed < EPISODES; seed++) {
    const began = performance.now();
    const { steps } = await runAttempt({ robot: sim, task: sim, policy, seed });
    const seconds = (performance.now() - began) / 1000;
    rates.push(steps / sim.embodiment.controlRate / seconds);
    memory.push(process.memoryUsage.rss() / MEBIBYTE);
    process.stderr.write(`\r  episode ${seed + 1} of ${EPISODES}`);
  }
  process.stderr.write('\r\u001b[K');
  await sim.close();
  await policy.close();
  const early = median(memory.slice(WARM_UP, WARM_UP + 20));
  const late = median(memory.slice(-20));
  return [
    {
      name: 'episodes, three cameras and the policy',
      value: median(rates),
      unit: '× real time',
      target: 8,
      better: 'more',
    },
    { name: 'resident memory', value: late, unit: 'MiB' },
    {
      name: `  growth, episodes ${WARM_UP} to ${EPISODES}`,
      value: (100 * (late - early)) / early,
      unit: '%',
      target: 5,
      better: 'less',
    },
  ];
}
