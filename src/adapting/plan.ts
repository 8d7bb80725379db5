import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { episodeFile } from '../episodes/files.ts';
import { type Beginning, demandBeginning, methodBeginning } from '../learning/begun.ts';
import { baseIn, withoutOwnAdapter } from '../learning/learnerFolder.ts';
import { folderAddress, parseAddress } from '../link/wire/address.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { withIntegration } from '../policy/bundle/withIntegration.ts';
import type { LearnedJoin } from '../policy/joinKinds.ts';
import type { IntegrationChanges } from '../policy/integration.ts';
import { type Exploration } from '../policy/exploration.ts';
import type { MethodName } from '../learning/methodNames.ts';
import { METHODS, demandLearnable, explorationOf } from '../learning/methods.ts';
import type { Trainable } from '../policy/trainable.ts';
import { type Gap, gapSchema } from '../sim/gap.ts';
import type { Makers } from '../rollouts/makers.ts';
import type { SceneChoice } from '../sim/simulatedAloha.ts';
import { type SimTaskName, simTaskFor } from '../sim/taskNames.ts';
import { readYaml, validate } from '../validate.ts';
import type { AdaptFolders } from './parts.ts';
import { type Bundle } from '../policy/bundle/config.ts';

export interface AdaptOptions extends IntegrationChanges, SceneChoice, Makers {
  policy: string;
  method: MethodName;
  /** By default what the policy was trained for. */
  task?: SimTaskName;
  config?: string;
  exploration?: string;
  gap?: string;
  execute?: number;
  join: LearnedJoin;
  /** ms. */
  delay: number;
  episodes: number;
  batch: number;
  evaluateEvery: number;
  attempts: number;
  seed: number;
}

/** First seed of the attempts that are learned from, in a run whose own is 0; evaluations are below it. */
const FIRST_SEED = 10_000_000;
/** Seeds that each run has for itself. */
const SEEDS_OF_A_RUN = 1_000_000;

/** The first seed of a run's attempts. */
export const firstSeed = (seed: number): number => FIRST_SEED + seed * SEEDS_OF_A_RUN;

/** The id of an attempt's episode. */
export const attemptId = (task: string, seed: number): string => `${task}-${seed}`;

/** Where the adaptation in a folder keeps what. */
export function foldersIn(folder: string): AdaptFolders {
  const runtime = join(folder, 'runtime');
  return { runtime, recorded: join(runtime, 'episodes'), learner: join(folder, 'learner') };
}

/** What an adaptation is to do, read and checked. */
export interface AdaptPlan {
  folders: AdaptFolders;
  /** What its folder is begun with. */
  beginning: Beginning;
  bundle: Bundle;
  task: SimTaskName;
  trainable: Trainable;
  exploration: Exploration;
  gap?: Gap;
}

/** Ids of the episodes in a folder; none where it cannot be read. */
const idsIn = (folder: string): Promise<string[]> =>
  readdir(folder).then(
    (names) => names.flatMap((name) => episodeFile(name)?.id ?? []),
    () => [],
  );

/** Task and seed that an attempt's id tells. */
function toldBy(id: string | undefined): Beginning {
  const [, task, seed] = /^(.+)-(\d+)$/.exec(id ?? '') ?? [];
  if (task === undefined || Number(seed) < FIRST_SEED) return {};
  return { task, seed: Math.floor((Number(seed) - FIRST_SEED) / SEEDS_OF_A_RUN) };
}

/** What can be seen in a folder without a record of what it was begun with. */
async function heldIn(folder: string, { learner, recorded }: AdaptFolders): Promise<Beginning> {
  const [attempt] = [...(await idsIn(join(learner, 'episodes'))), ...(await idsIn(recorded))];
  const isLearners = (await baseIn(folder)) !== undefined;
  return {
    ...(isLearners && { command: 'learn' }),
    policy: await baseIn(learner),
    ...toldBy(attempt),
  };
}

/**
 * Reads all that the options name, and makes nothing. Throws a `UserError` for what cannot be used, and for
 * a folder that was begun with something else.
 */
export async function planAdaptation(folder: string, options: AdaptOptions): Promise<AdaptPlan> {
  const { policy, method, scene, sceneMap, config, execute, delay, seed } = options;
  const folders = foldersIn(folder);
  const { learner } = folders;
  parseAddress(folderAddress(learner));
  const bundle = withIntegration(await loadBundle(resolve(policy)), options);
  const task = simTaskFor(options.task, bundle.tasks);
  demandLearnable(method, bundle);
  const exploration = options.exploration
    ? explorationOf(method, await readYaml(options.exploration), options.exploration)
    : explorationOf(method, {}, method);
  const gap = options.gap
    ? validate(gapSchema, await readYaml(options.gap), options.gap)
    : undefined;
  const { settings } = await METHODS[method].configure(config, seed);
  const beginning = {
    command: 'adapt',
    method,
    ...methodBeginning(bundle, settings),
    task,
    scene: scene === undefined ? 'built in' : resolve(scene),
    sceneMap: sceneMap === undefined ? 'shipped' : resolve(sceneMap),
    gap: gap ?? gapSchema.parse({}),
    execute: execute ?? bundle.executeSteps,
    integration: bundle.integration,
    join: options.join,
    delay,
  };
  await demandBeginning(folder, await withoutOwnAdapter(learner, beginning), () =>
    heldIn(folder, folders),
  );
  return { folders, beginning, bundle, task, trainable: settings.trainable, exploration, gap };
}
