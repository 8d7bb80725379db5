import { basename, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { checkOutside } from '../files/within.ts';
import { openImitation } from '../learning/imitation/imitation.ts';
import { normalisationOf } from '../learning/imitation/statistics.ts';
import { type ImitationSettings, imitationSchema } from '../learning/imitation/teaching.ts';
import { loadSessionConfig } from '../session/session.ts';
import { type Adapter, makeAdapter, writeAdapter } from '../policy/bundle/adapter.ts';
import {
  ADAPTER_FILE,
  copyBundle,
  loadBundle,
  readFamilyFiles,
  writeBundle,
} from '../policy/bundle/bundle.ts';
import { learnedOf } from '../policy/families/registry.ts';
import type { Trainable } from '../policy/trainable.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { type BegunRun, NO_POLICY, baseOf, dataOf } from './begunRun.ts';
import { checkStart } from './checkStart.ts';
import {
  type RobotDemonstrations,
  demonstrationsIn,
  evaluatedTask,
  viewOf,
} from './demonstrationsIn.ts';
import { openTrainingFolder } from './folder.ts';
import { configFor, familyFiles, sizeOf } from '../policy/families/untrained.ts';
import type { SizeName, UntrainedFamily } from '../policy/families/untrainedNames.ts';
import { replaceWeights } from './replaceWeights.ts';
import { createTrainingReport } from './report.ts';
import { type TrainingOptions, type TrainingSurroundings, runTraining } from './runTraining.ts';
import { type Bundle, type BundleConfig, configOf } from '../policy/bundle/config.ts';
import type { Size } from '../policy/size.ts';
import { makeTransforms } from '../policy/vectors/transforms.ts';

export interface ImitateOptions extends TrainingOptions {
  from?: string;
  /** Of a policy of random weights, without `from`. */
  family: UntrainedFamily;
  size: SizeName;
  train: Trainable['parameters'];
  rank: number;
  layers?: [number, ...number[]];
  samples: number;
  augmentation: boolean;
  renormalise?: boolean;
  maxDelay?: number;
  startShare?: number;
  stateDropout?: number;
  /** Of a data set that does not say what its robot is. */
  calibration?: string;
}

function settingsOf(options: ImitateOptions): ImitationSettings {
  const { train, rank, layers, steps, batch, samples, rate, seed } = options;
  const { augmentation, maxDelay, startShare, stateDropout } = options;
  return imitationSchema.parse({
    trainable: train === 'lora' ? { parameters: train, rank, layers } : { parameters: train },
    batch,
    samples,
    augment: augmentation,
    maxDelay,
    startShare,
    stateDropout,
    seed,
    optimiser: {
      rate,
      finalRate: rate / 20,
      warmUp: Math.min(200, Math.floor(steps / 10)),
      steps,
      averageDecay: 0.995,
    },
  });
}

/** Puts into `out` a policy of random weights. */
async function beginBundle(
  made: Size,
  { out, seed, maxDelay }: ImitateOptions,
  { demonstrations, embodiment, tasks }: RobotDemonstrations,
  named: Pick<BundleConfig, 'name' | 'description'>,
): Promise<void> {
  const config = configFor(made, embodiment);
  const transforms = normalisationOf(demonstrations, made.normalisation);
  const { targets } = makeTransforms(transforms, config.architecture);
  const fitted = made.fit?.(
    config.architecture,
    demonstrations.map(({ actions, state }) => targets(actions, state)),
  );
  const { architecture, files } = { ...config, files: {}, ...fitted };
  const precision = 'float32';
  await writeBundle(
    out,
    {
      ...{ ...config, architecture, precision, ...named, tasks, transforms },
      ...(maxDelay ? { maxDelay } : {}),
    },
    { ...familyFiles(), ...files },
    made.weights(architecture, seed, precision),
  );
}

/** Puts into `out` the bundle that is to learn: one of random weights, or a copy of another. */
async function prepareBundle(
  size: Size,
  options: ImitateOptions,
  set: RobotDemonstrations,
): Promise<void> {
  const { out, from, train, maxDelay, renormalise } = options;
  const { tasks } = set;
  const goesOn = maxDelay ? { maxDelay } : {};
  const made = `by nalu imitate on ${set.episodes} demonstrations.`;
  const named = (description: string) => ({ name: basename(resolve(out)), description });
  if (from === undefined) return beginBundle(size, options, set, named(`Trained ${made}`));
  const source = await loadBundle(from);
  const learned = learnedOf(source);
  const fault = { kind: 'unsupported', subject: from } as const;
  if (source.trainable)
    throw new UserError(`${from} has an adapter; go on from a policy without one`, fault);
  if (source.integration?.steps === 1)
    throw new UserError(
      `${from} makes a chunk in one network call, and imitation trains a flow of several; go on from a policy that takes several, and distil again`,
      { ...fault, fields: ['steps'] },
    );
  const config = { ...configOf(source), ...goesOn };
  // Untouched, it keeps its version, which adapters are bound to.
  if (train !== 'all') return copyBundle(source, out, maxDelay ? config : undefined);
  // What is learned takes the weights' places: they must lie as they will be written.
  const { folder } = source;
  const kind = config.transforms.some(({ type }) => type === 'quantile') ? 'quantile' : 'meanStd';
  const transforms = renormalise ? normalisationOf(set.demonstrations, kind) : config.transforms;
  await writeBundle(
    out,
    { ...config, ...named(`${source.name}, trained further ${made}`), tasks, transforms },
    await readFamilyFiles(source),
    await learned.weightSources(folder),
  );
}

/** Writes what was learned into the bundle: its weights, or an adapter beside them. */
async function saveBundle(
  { folder, base }: Bundle,
  trainable: Trainable,
  parameters: Adapter['parameters'],
): Promise<void> {
  if (trainable.parameters !== 'all') {
    const adapter = makeAdapter({ trainable, base, parameters });
    return writeAdapter(join(folder, ADAPTER_FILE), adapter);
  }
  const tensors = [...parameters].map(([name, tensor]) => ({ name, ...tensor }));
  await replaceWeights(folder, tensors);
}

/** The version of the policy that a run goes on from, if it is to be compared. */
const versionOf = async ({ from, resume }: ImitateOptions): Promise<string | undefined> => {
  if (from !== undefined) return (await loadBundle(from)).base;
  return resume ? undefined : NO_POLICY;
};

/** Trains a policy on demonstrations; see `nalu imitate --help`. */
export async function imitate(
  episodes: string,
  options: ImitateOptions,
  surroundings: TrainingSurroundings,
): Promise<'done' | 'interrupted'> {
  const { out, from, resume = false, force, train, steps } = options;
  const { evaluateEvery, attempts, scene, sceneMap } = options;
  const settings = settingsOf(options);
  const made = sizeOf(options.family, options.size);
  if (options.renormalise && train !== 'all')
    throw new UserError(
      `--renormalise: with --train ${train} the rest of the policy stays, and with it its normalisation`,
      { kind: 'invalid', subject: '--renormalise', fields: ['--train'] },
    );
  const session = await loadSessionConfig(options.session);
  const named = from === undefined ? undefined : { folder: from, named: `--from ${from}` };
  if (!resume) await checkOutside(episodes, out);
  await checkStart({ out, source: named, resume, force });

  const reading = createTrainingReport(0, steps, surroundings.out);
  const place = resume ? out : from;
  const source = place === undefined ? undefined : await loadBundle(place);
  const view = source ? viewOf(source) : (robot: Embodiment) => viewOf(configFor(made, robot));
  const set = await demonstrationsIn(episodes, view, reading, options.calibration);
  const task = evaluatedTask(options.task, set, reading);
  if (!resume) await prepareBundle(made, options, set);
  const files = await openTrainingFolder(out, `nalu imitate: ${basename(resolve(out))}`);
  const bundle = await loadBundle(out);
  const parameters = learnedOf(bundle).parameters(settings.trainable);
  const run: BegunRun = {
    settings,
    from,
    policy: await versionOf(options),
    base: baseOf(bundle, settings),
    task,
    renormalise: options.renormalise ?? false,
    demonstrations: set.demonstrations.length,
    data: dataOf(set.demonstrations),
  };
  const start = resume ? await files.load(parameters, run) : undefined;

  const { demonstrations, embodiment: robot } = set;
  const imitation = await openImitation({
    ...{ folder: out, bundle, demonstrations, robot, settings, session, start },
  });
  return runTraining(
    imitation,
    files,
    {
      ...{ out, steps, task, scene, sceneMap, evaluateEvery, attempts, session, robot, run },
      save: () => saveBundle(bundle, settings.trainable, imitation.averaged()),
    },
    surroundings,
  );
}
