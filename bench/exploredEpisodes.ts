import { availableParallelism } from 'node:os';
import { ownProcesses } from '../src/rollouts/pool.ts';
import { explorationSchema } from '../src/policy/exploration.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import type { Bundle } from '../src/policy/bundle/config.ts';

const CONTROL_RATE = 50;

/** Records explored attempts of a policy to a folder: their files, and the seconds that they took in their own time. */
export async function exploredEpisodes(
  folder: string,
  bundle: Bundle,
  trainable: Trainable,
  count: number,
) {
  const exploration = explorationSchema.parse({});
  const pool = ownProcesses(
    { policy: bundle.folder, task: 'transfer-cube', trainable },
    availableParallelism(),
  );
  const paths: string[] = [];
  let steps = 0;
  const attempts = Array.from({ length: count }, (_, seed) => ({
    ...{ seed, exploration },
    record: { folder, id: `attempt-${seed}` },
  }));
  try {
    await pool.run(attempts, (result) => {
      paths.push(result.episode!);
      steps += result.steps;
      process.stderr.write(`\r  attempt ${paths.length} of ${count}`);
    });
  } finally {
    process.stderr.write('\r\u001b[K');
    await pool.close();
  }
  return { paths, seconds: steps / CONTROL_RATE };
}
