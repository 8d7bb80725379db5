import { discardAbandoned } from '../episodes/beingWritten.ts';
import { partialPath } from '../episodes/files.ts';
import { type EpisodeRecorder, recordEpisode } from '../episodes/recordEpisode.ts';
import { sessionConfigSchema } from '../session/session.ts';
import { readAdapter } from '../policy/bundle/adapter.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { type Exploration } from '../policy/exploration.ts';
import { openSampler } from '../policy/families/pi0/sampler.ts';
import type { Trainable } from '../policy/trainable.ts';
import { runAttempt } from '../control/attempt.ts';
import type { Gap } from '../sim/gap.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { episodeHeader } from './episodeHeader.ts';
import { inlinePolicy } from './inlinePolicy.ts';
import { workFor } from '../processes/workerProcess.ts';
import { fromZeroNoise, exploring } from '../policy/policyWrappers.ts';

/** What a worker process is told of all its attempts, as JSON in its one argument. */
export interface RolloutSettings {
  policy: string;
  task: SimTaskName;
  trainable: Trainable;
  /** Rows of a chunk to play; the bundle's where absent. */
  executeSteps?: number;
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

export type RolloutRequest = { attempt: Attempt } | { adopt: string };

export interface RolloutResult {
  seed: number;
  success: boolean;
  steps: number;
  /** The episode's file; null if nothing was recorded. */
  episode: string | null;
}

const settings = JSON.parse(process.argv[2]) as RolloutSettings;

// An attempt that is under way then stays unfinished, and is made again by whoever goes on.
const { tell, fail } = workFor<'ready' | { adopted: string } | RolloutResult>(() => process.exit());

try {
  const bundle = await loadBundle(settings.policy);
  const { trainable } = settings;
  const sampler = await openSampler(bundle, sessionConfigSchema.parse({ threads: 1 }), trainable);
  const executeSteps = settings.executeSteps ?? bundle.executeSteps;
  const policy = { ...inlinePolicy(bundle, sampler), executeSteps };
  const { task, gap } = settings;
  const sim = await simulatedAloha({ task, cameras: bundle.cameras, gap });

  const attempt = async ({ seed, exploration, zeroNoise, record }: Attempt) => {
    const name = `${bundle.name} ${bundle.version}`;
    if (record) await discardAbandoned(partialPath(record.folder, record.id));
    const recorder: EpisodeRecorder | undefined =
      record &&
      (await recordEpisode(
        record.folder,
        episodeHeader(sim, { id: record.id, policy: name, seed }),
      ));
    const result = await runAttempt({
      robot: sim,
      task: sim,
      policy: zeroNoise
        ? fromZeroNoise(policy)
        : exploration
          ? exploring(policy, exploration)
          : policy,
      seed,
      recorder,
    });
    if (result.problem) throw result.problem;
    const { success, steps, episode } = result;
    tell({ seed, success, steps, episode });
  };
  const adopt = async (path: string) => {
    sampler.adopt(await readAdapter(path, { ...bundle, trainable }));
    tell({ adopted: path });
  };
  process.on('message', (request: RolloutRequest) => {
    const done = 'adopt' in request ? adopt(request.adopt) : attempt(request.attempt);
    done.catch(fail);
  });
  tell('ready');
} catch (error) {
  fail(error);
}
