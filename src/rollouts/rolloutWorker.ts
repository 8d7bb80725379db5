import { discardAbandoned } from '../episodes/beingWritten.ts';
import { partialPath } from '../episodes/files.ts';
import { recordEpisode } from '../episodes/recordEpisode.ts';
import { sessionConfigSchema } from '../session/session.ts';
import { adapterFor } from '../policy/bundle/adapter.ts';
import { readAdapter } from '../policy/bundle/readAdapter.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { withIntegration } from '../policy/bundle/withIntegration.ts';
import { type Exploration } from '../policy/exploration.ts';
import type { IntegrationChanges } from '../policy/integration.ts';
import { type LearnedJoin, sampledJoin } from '../policy/joinKinds.ts';
import { openSampler } from '../policy/sampler.ts';
import type { Trainable } from '../policy/trainable.ts';
import { runAttempt } from '../control/attempt.ts';
import { stepsIn } from '../robot/embodiment.ts';
import type { Gap } from '../sim/gap.ts';
import { type SceneChoice, simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import { episodeHeader } from './episodeHeader.ts';
import { inlinePolicy } from './inlinePolicy.ts';
import { serve } from '../processes/serve.ts';
import { delegatePolicy, fromZeroNoise, exploring } from '../policy/policyWrappers.ts';

/** What all attempts of a process have in common. */
export interface RolloutSettings extends SceneChoice {
  policy: string;
  task: SimTaskName;
  trainable: Trainable;
  /** A robot's name: versions are played at the place that is its own. */
  robot?: string;
  /** Rows of a chunk to play; the bundle's where absent. */
  executeSteps?: number;
  /** How its chunks join the one in play; swap where absent. */
  join?: LearnedJoin;
  /** How late a chunk comes, ms; two control steps where absent. */
  delay?: number;
  /** What differs from how the bundle integrates its flow. */
  integration?: IntegrationChanges;
  /** How the simulated robot differs from the one of the demonstrations. */
  gap?: Gap;
}

/** One attempt: explored and recorded, or from zero or random noise and only counted. */
export interface Attempt {
  seed: number;
  exploration?: Exploration;
  zeroNoise?: boolean;
  /** Folder and name of its episode. */
  record?: { folder: string; id: string };
}

export interface RolloutResult {
  seed: number;
  success: boolean;
  steps: number;
  /** The episode's file; null if nothing was recorded. */
  episode: string | null;
}

export interface RolloutFunctions {
  attempt: (attempt: Attempt) => Promise<RolloutResult>;
  /** Takes an adapter's file over. */
  adopt: (path: string) => Promise<void>;
}

// An attempt that is under way when the parent ends stays unfinished, and is made again by whoever goes on.
serve<RolloutFunctions, RolloutSettings>(
  async ({ policy: folder, trainable, gap, join = 'swap', delay, ...settings }) => {
    const bundle = withIntegration(await loadBundle(folder), settings.integration ?? {});
    const sampler = await openSampler(bundle, sessionConfigSchema.parse({ threads: 1 }), {
      trainable,
      joins: sampledJoin(join),
    });
    const executeSteps = settings.executeSteps ?? bundle.executeSteps;
    const policy = delegatePolicy(inlinePolicy({ ...bundle, executeSteps }, sampler), { join });
    const { task, scene, sceneMap } = settings;
    const sim = await simulatedAloha({ task, scene, sceneMap, cameras: bundle.cameras, gap });
    const name = `${bundle.name} ${bundle.version}`;

    const openRecorder = async ({ folder, id }: NonNullable<Attempt['record']>, seed: number) => {
      await discardAbandoned(partialPath(folder, id));
      return recordEpisode(folder, episodeHeader(sim, { id, policy: name, seed }));
    };
    return {
      async attempt({ seed, exploration, zeroNoise, record }) {
        const result = await runAttempt({
          robot: sim,
          task: sim,
          policy: zeroNoise
            ? fromZeroNoise(policy)
            : exploration
              ? exploring(policy, exploration)
              : policy,
          seed,
          stopFails: true,
          ...(delay !== undefined && { lead: stepsIn(delay, sim.embodiment) }),
          recorder: record && (await openRecorder(record, seed)),
        });
        if (result.outcome === 'discarded') throw result.problem!;
        const { success, steps, episode } = result;
        return { seed, success, steps, episode };
      },
      async adopt(path) {
        const adapter = await readAdapter(path, { ...bundle, trainable });
        await sampler.adopt(adapterFor(adapter, settings.robot));
      },
    };
  },
);
