import { openPool } from '../processes/pool.ts';
import type { Attempt, RolloutFunctions, RolloutResult, RolloutSettings } from './rolloutWorker.ts';

/** Processes that make simulated attempts beside each other. */
export interface RolloutPool {
  /** Makes attempts; resolves when all are made. Rejects with a UserError at the first failure. */
  run(attempts: readonly Attempt[], onResult: (result: RolloutResult) => void): Promise<void>;
  /** Has every process take an adapter's file over. */
  adopt(path: string): Promise<void>;
  /** Rejects with a UserError when a process fails or ends by itself. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Starts `processes` of them. */
export function openRolloutPool(settings: RolloutSettings, processes: number): RolloutPool {
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
