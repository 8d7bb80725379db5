import type { Outcome } from '../episodes/episode.ts';
import { serve } from '../processes/serve.ts';
import { type Gap, drawGap } from '../sim/gap.ts';
import { type SceneChoice, simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import { recordDemo } from './demo.ts';
import { EXPERT_CAMERAS } from './expertPolicy.ts';

/** What all demonstrations of a process have in common. */
export interface DemoSettings extends SceneChoice {
  folder: string;
  task: SimTaskName;
  every: number;
  /** How far, at most, each attempt's robot differs from the robot as it is; not at all where absent. */
  most?: Gap;
}

export interface DemoFunctions {
  /** Records a seed's demonstration and resolves to its outcome; to undefined where nothing was kept of it. */
  record: (seed: number) => Promise<Outcome | undefined>;
}

serve<DemoFunctions, DemoSettings>(async ({ folder, task, every, most, scene, sceneMap }) => {
  const gap = most && ((seed: number) => drawGap(most, seed));
  const sim = await simulatedAloha({ task, scene, sceneMap, cameras: EXPERT_CAMERAS, gap });
  const closing = new AbortController();
  let recording: Promise<unknown> = Promise.resolve();
  const close = async () => {
    closing.abort();
    await recording.catch(() => undefined);
  };
  return {
    async record(seed) {
      const made = recordDemo(sim, folder, seed, every, closing.signal);
      recording = made;
      const { outcome, episode } = await made;
      return episode === null || outcome === 'discarded' ? undefined : outcome;
    },
    close,
    abandon: close,
  };
});
