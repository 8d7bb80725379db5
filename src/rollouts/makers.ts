import { type RolloutPool, ownProcesses } from './pool.ts';
import type { RolloutSettings } from './rolloutWorker.ts';
import { openWorkersPool } from './workers/workersPool.ts';

/** Who makes attempts: so many processes of this machine, or the workers at a NATS server. */
export interface Makers {
  processes: number;
  /** `nats://HOST:PORT` */
  workers?: string;
  /** Folder of keys that this server knows. */
  keys?: string;
}

/** Opens them. Throws a `UserError` for a server that cannot be used; `log` hears what becomes of it later. */
export async function openMakers(
  settings: RolloutSettings,
  { processes, workers, keys }: Makers,
  log: (line: string) => void,
): Promise<RolloutPool> {
  return workers === undefined
    ? ownProcesses(settings, processes)
    : openWorkersPool(settings, { address: workers, keys, log });
}
