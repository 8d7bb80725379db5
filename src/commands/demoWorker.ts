import type { Outcome } from '../episodes/episode.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { recordDemo } from './demo.ts';
import { EXPERT_CAMERAS } from './expertPolicy.ts';
import { workFor } from './workerProcess.ts';

/** What a worker process is told of all its demonstrations, as JSON in its one argument. */
export interface DemoSettings {
  folder: string;
  task: SimTaskName;
  every: number;
}

export interface DemoRequest {
  seed: number;
}

export interface RecordedDemo {
  seed: number;
  outcome: Outcome;
  path: string;
}

/** `ready` asks for the first seed, every recorded demonstration for the next one. */
export type DemoReply = 'ready' | RecordedDemo | { error: string };

const { folder, task, every } = JSON.parse(process.argv[2]) as DemoSettings;

const orphaned = new AbortController();
const { tell, fail } = workFor<DemoReply>(() => orphaned.abort());

try {
  const sim = await simulatedAloha({ task, cameras: EXPERT_CAMERAS });
  const record = async ({ seed }: DemoRequest) => {
    const { outcome, episode } = await recordDemo(sim, folder, seed, every, orphaned.signal);
    if (episode !== null) tell({ seed, outcome, path: episode });
  };
  process.on('message', (request: DemoRequest) => void record(request).catch(fail));
  tell('ready');
} catch (error) {
  fail(error);
}
