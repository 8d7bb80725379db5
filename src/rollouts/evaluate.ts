import type { SessionConfig } from '../session/session.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { ignoresNoise } from '../policy/families/registry.ts';
import { openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import { runAttempt } from '../control/attempt.ts';
import { type SceneChoice, simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import type { Evaluation } from '../charts/lossCurve.ts';
import { openParts } from '../processes/openParts.ts';
import { fromZeroNoise } from '../policy/policyWrappers.ts';

/**
 * Successes of a bundle over simulated attempts, from random and from zero noise; of one that ignores noise they are made
 * once. One that ends because the policy's answer was no chunk has failed.
 */
export async function evaluate(
  folder: string,
  simulated: SceneChoice & { task: SimTaskName },
  episodes: number,
  seed: number,
  session: SessionConfig,
  onAttempt: (done: number, of: number) => void,
): Promise<Evaluation> {
  const counts = { randomNoise: 0, zeroNoise: 0 };
  let done = 0;
  const { keep, closeAll } = openParts();
  try {
    const bundle = await loadBundle(folder);
    const once = ignoresNoise(bundle);
    const policy = keep(await openWorkerPolicy(bundle, session, { join: 'swap' }));
    const sim = keep(await simulatedAloha({ ...simulated, cameras: policy.cameras }));
    const drivers = { ...(!once && { randomNoise: policy }), zeroNoise: fromZeroNoise(policy) };
    const all = episodes * Object.keys(drivers).length;
    for (const [kind, driver] of Object.entries(drivers))
      for (let i = 0; i < episodes; i++) {
        const attempt = { robot: sim, task: sim, policy: driver, seed: seed + i, stopFails: true };
        const result = await runAttempt(attempt);
        if (result.outcome === 'discarded') throw result.problem!;
        counts[kind as keyof typeof counts] += Number(result.success);
        onAttempt(++done, all);
      }
    return { episodes, ...counts, ...(once && { randomNoise: counts.zeroNoise, once }) };
  } finally {
    await closeAll();
  }
}
