import { basename, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import {
  type DistillationSettings,
  distillationSchema,
  openDistillation,
} from '../learning/distillation/distillation.ts';
import type { Adapter } from '../policy/bundle/adapter.ts';
import { loadBundle, readFamilyFiles, writeBundle } from '../policy/bundle/bundle.ts';
import { type Bundle, configOf } from '../policy/bundle/config.ts';
import { learnableOf } from '../policy/families/registry.ts';
import type { TrainingState } from '../learning/train/trainer.ts';
import { loadSessionConfig } from '../session/session.ts';
import { type BegunRun, dataOf } from './begunRun.ts';
import { checkStart } from './checkStart.ts';
import { demonstrationsIn, evaluatedTask, viewOf } from './demonstrationsIn.ts';
import { openTrainingFolder } from './folder.ts';
import { replaceWeights } from './replaceWeights.ts';
import { createTrainingReport } from './report.ts';
import { type TrainingOptions, type TrainingSurroundings, runTraining } from './runTraining.ts';

export interface DistillOptions extends TrainingOptions {
  episodes: string;
}

const settingsOf = ({ steps, batch, rate, seed }: DistillOptions): DistillationSettings =>
  distillationSchema.parse({
    batch,
    seed,
    optimiser: {
      rate,
      finalRate: rate / 20,
      warmUp: Math.min(50, Math.floor(steps / 10)),
      steps,
    },
  });

/** The policy that is to be distilled. Throws a `UserError` for one that cannot be. */
async function loadTeacher(folder: string): Promise<Bundle> {
  const bundle = await loadBundle(folder);
  learnableOf(bundle);
  const fault = { kind: 'unsupported', subject: folder } as const;
  if (bundle.trainable)
    throw new UserError(`${folder} has an adapter; distil a policy without one`, fault);
  if (bundle.isPacked)
    throw new UserError(
      `${folder} has a quantised prefix, whose weights cannot be written again; distil the policy before it is quantised`,
      fault,
    );
  if (bundle.integration!.steps === 1)
    throw new UserError(
      `${folder} makes its chunks in one network call already (steps in its policy.json)`,
      { ...fault, fields: ['steps'] },
    );
  return bundle;
}

/** Puts into `out` the policy as it is, but for one network call a chunk. */
async function prepareBundle(teacher: Bundle, out: string, episodes: number): Promise<void> {
  const { folder, name } = teacher;
  const config = {
    ...configOf(teacher),
    name: basename(resolve(out)),
    description: `${name}, distilled to one step by nalu distill on ${episodes} episodes.`,
    integration: { steps: 1, solver: 'euler' } as const,
  };
  const files = await readFamilyFiles(teacher);
  await writeBundle(out, config, files, await learnableOf(teacher).weightSources(folder));
}

/** Writes the policy's weights into `out`, with those that were learned in their places. */
async function saveLearned(
  { folder, ...teacher }: Bundle,
  out: string,
  learned: Adapter['parameters'],
): Promise<void> {
  const sources = await learnableOf(teacher).weightSources(folder);
  const weights = sources.map((source) => ({
    ...source,
    data: learned.get(source.name)?.data ?? source.data,
  }));
  await replaceWeights(out, weights);
}

/** Distils a policy to one network call a chunk; see `nalu distill --help`. */
export async function distill(
  folder: string,
  options: DistillOptions,
  surroundings: TrainingSurroundings,
): Promise<'done' | 'interrupted'> {
  const { episodes, out, steps, evaluateEvery, attempts, resume = false, force } = options;
  const settings = settingsOf(options);
  const session = await loadSessionConfig(options.session);
  await checkStart({ out, source: { folder, named: folder }, resume, force });
  const teacher = await loadTeacher(folder);

  const reading = createTrainingReport(0, steps, surroundings.out);
  const set = await demonstrationsIn(episodes, viewOf(teacher), reading);
  const { demonstrations, embodiment: robot } = set;
  const task = evaluatedTask(options.task, set, reading);
  const run: BegunRun = {
    settings,
    from: folder,
    policy: teacher.base,
    base: teacher.base,
    task,
    demonstrations: demonstrations.length,
    data: dataOf(demonstrations),
  };
  const parameters = learnableOf(teacher).parameters({ parameters: 'expert' });
  const openFiles = () => openTrainingFolder(out, `nalu distill: ${basename(resolve(out))}`);
  const open = (start?: TrainingState) =>
    openDistillation({ teacher, demonstrations, settings, session, start });
  // What cannot be trained leaves nothing behind.
  const training = resume
    ? await open(await (await openFiles()).load(parameters, run))
    : await open();
  if (!resume) await prepareBundle(teacher, out, set.episodes);
  const files = await openFiles();
  return runTraining(
    training,
    files,
    {
      ...{ out, steps, task, evaluateEvery, attempts, session, robot, run },
      save: () => saveLearned(teacher, out, training.averaged()),
    },
    surroundings,
  );
}
