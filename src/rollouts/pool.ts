import type { Attempt, RolloutRequest, RolloutResult, RolloutSettings } from './worker.ts';
import { openWorkerPool } from '../processes/workerPool.ts';

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
  const url = new URL('./worker.js', import.meta.url);
  const pool = openWorkerPool<RolloutRequest, RolloutResult>(url, settings, processes, 'a rollout process'); // prettier-ignore
  return {
    run: (attempts, onResult) =>
      pool.run(
        attempts.map((attempt) => ({ attempt })),
        onResult,
      ),
    failed: pool.failed,
    adopt: (path) => pool.tellAll({ adopt: path }),
    close: () => pool.close(),
  };
}
