import type { Outcome } from '../episodes/episode.ts';
import { type Gap, drawGap } from '../sim/gap.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { recordDemo } from './demo.ts';
import { EXPERT_CAMERAS } from './expertPolicy.ts';
import { workFor } from '../processes/workerProcess.ts';

/** What a worker process is told of all its demonstrations, as JSON in its one argument. */
export interface DemoSettings {
  folder: string;
  task: SimTaskName;
  every: number;
  /** How far, at most, each attempt's robot differs from the robot as it is; not at all where absent. */
  most?: Gap;
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

const { folder, task, every, most } = JSON.parse(process.argv[2]) as DemoSettings;

const orphaned = new AbortController();
const { tell, fail } = workFor<DemoReply>(() => orphaned.abort());

try {
  const gap = most && ((seed: number) => drawGap(most, seed));
  const sim = await simulatedAloha({ task, cameras: EXPERT_CAMERAS, gap });
  const record = async ({ seed }: DemoRequest) => {
    const { outcome, episode } = await recordDemo(sim, folder, seed, every, orphaned.signal);
    if (episode !== null) tell({ seed, outcome, path: episode });
  };
  process.on('message', (request: DemoRequest) => void record(request).catch(fail));
  tell('ready');
} catch (error) {
  fail(error);
}
