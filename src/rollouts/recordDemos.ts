import type { Outcome } from '../episodes/episode.ts';
import { openPool } from '../processes/pool.ts';
import type { DemoFunctions, DemoSettings } from './demoWorker.ts';

export interface RecordDemosOptions {
  settings: DemoSettings;
  seeds: readonly number[];
  processes: number;
  onDemo: (outcome: Outcome) => void;
  signal: AbortSignal;
}

/**
 * Records the seeds' demonstrations over several processes, each of which takes the next seed when it
 * is done with one. Resolves when all are recorded or `signal` aborts; rejects with a UserError at the
 * first failure. Either way every process it started has ended.
 */
export async function recordDemos(options: RecordDemosOptions): Promise<void> {
  const { settings, seeds, processes, onDemo, signal } = options;
  const module = new URL('./demoWorker.js', import.meta.url);
  const pool = openPool<DemoFunctions>(module, Math.min(processes, seeds.length), {
    name: 'a recording process',
    data: settings,
    args: [settings.folder],
  });
  const stop = () => void pool.close().catch(() => undefined);
  signal.addEventListener('abort', stop);
  try {
    await pool.each({
      jobs: seeds,
      call: (worker, seed) => worker.ask('record', seed),
      onResult: (outcome) => outcome && onDemo(outcome),
      nameOf: (seed) => `seed ${seed}`,
      signal,
    });
  } catch (error) {
    // What one of them says while all are stopped is no failure.
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await pool.close();
  }
}
