import { openPool } from '../processes/pool.ts';
import type { Attempt, RolloutFunctions, RolloutResult, RolloutSettings } from './rolloutWorker.ts';

/** Who makes simulated attempts, some beside each other. */
export interface RolloutPool {
  /** Makes attempts; resolves when all are made. Rejects with a UserError at the first failure. */
  run(attempts: readonly Attempt[], onResult: (result: RolloutResult) => void): Promise<void>;
  /** Has all later attempts played with an adapter's file. */
  adopt(path: string): Promise<void>;
  /** Rejects with a UserError when no more attempts can be made. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Starts processes of this machine's own that make them. It fails when one of them ends by itself. */
export function ownProcesses(settings: RolloutSettings, processes: number): RolloutPool {
  const pool = openPool<RolloutFunctions>(
    new URL('./rolloutWorker.js', import.meta.url),
    processes,
    {
      name: 'a rollout process',
      data: settings,
      args: [settings.policy],
    },
  );
  return {
    run: (attempts, onResult) =>
      pool.each({
        jobs: attempts,
        call: (worker, attempt) => worker.ask('attempt', attempt),
        onResult,
        nameOf: ({ seed }) => `seed ${seed}`,
      }),
    adopt: (path) => pool.all((worker) => worker.ask('adopt', path)),
    failed: pool.failed,
    // What a process has begun is made again.
    close: () => pool.kill(),
  };
}
