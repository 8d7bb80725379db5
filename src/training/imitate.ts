import { readFile, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { readEpisode } from '../episodes/readEpisode.ts';
import { UserError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import {
  type DemonstrationSet,
  type Viewpoint,
  gatherDemonstrations,
} from '../learning/imitation/demonstrations.ts';
import {
  type ImitationSettings,
  imitationSchema,
  openImitation,
} from '../learning/imitation/imitation.ts';
import { normalisationOf } from '../learning/imitation/statistics.ts';
import { writeSafetensors } from '../tensors/safetensors.ts';
import { loadSessionConfig } from '../session/session.ts';
import { type Adapter, makeAdapter, writeAdapter } from '../policy/bundle/adapter.ts';
import {
  ADAPTER_FILE,
  BUNDLE_FILES,
  GOLDEN_FILE,
  copyBundle,
  loadBundle,
  writeBundle,
} from '../policy/bundle/bundle.ts';
import { learnableOf, shapeOf } from '../policy/families/registry.ts';
import { checkPlace } from '../policy/bundle/bundleFiles.ts';
import type { Trainable } from '../policy/trainable.ts';
import { replaceFiles } from '../files/replaceFiles.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import { evaluate } from '../rollouts/evaluate.ts';
import { type ImitationRun, NO_POLICY, baseOf, dataOf } from './imitationRun.ts';
import { openTrainingFolder, trainingFiles } from './folder.ts';
import {
  SIZES,
  type SizeName,
  configFor,
  tinyTokenizerJson,
} from '../policy/families/untrained.ts';
import { trainingLoop } from './loop.ts';
import type { Output } from '../terminal/output.ts';
import { type TrainingReport, createTrainingReport } from './report.ts';
import { type Bundle, type BundleConfig, configOf } from '../policy/bundle/config.ts';

export interface ImitateOptions {
  out: string;
  from?: string;
  /** Of a policy of random weights, without `from`. */
  size: SizeName;
  train: Trainable['parameters'];
  rank: number;
  layers?: [number, ...number[]];
  steps: number;
  batch: number;
  samples: number;
  rate: number;
  augmentation: boolean;
  renormalise?: boolean;
  maxDelay?: number;
  task: SimTaskName;
  evaluateEvery: number;
  attempts: number;
  seed: number;
  resume?: boolean;
  /** Replace a bundle and a run that are in `out`. */
  force?: boolean;
  session?: string;
}

/** Seed of the first attempt of an evaluation. */
const EVALUATION_SEED = 50_000;

function settingsOf(options: ImitateOptions): ImitationSettings {
  const { train, rank, layers, steps, batch, samples, rate, augmentation, maxDelay, seed } =
    options;
  return imitationSchema.parse({
    trainable: train === 'lora' ? { parameters: train, rank, layers } : { parameters: train },
    batch,
    samples,
    augment: augmentation,
    maxDelay,
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

type Viewing = Pick<BundleConfig, 'embodiment' | 'cameras' | 'family' | 'architecture'>;

function viewOf(policy: Viewing): Viewpoint {
  const { horizon, images } = shapeOf(policy);
  const { embodiment, cameras } = policy;
  return { embodiment, cameras, horizon, side: images[0].width };
}

/** Demonstrations, and the robot that they are of. */
type RobotDemonstrations = DemonstrationSet & { embodiment: Embodiment };

/** The demonstrations in a folder, viewed as `source` does, or as a policy of random weights for their robot. */
async function gather(
  folder: string,
  { source, size }: { source: Viewing | undefined; size: SizeName },
  report: TrainingReport,
): Promise<RobotDemonstrations> {
  const paths = (await listEpisodes(folder)).map(({ path }) => path);
  if (paths.length === 0)
    throw new UserError(`${folder}: no episodes there. npx nalu demos ${folder} records some`);
  const view = source ? viewOf(source) : (robot: Embodiment) => viewOf(configFor(size, robot));
  const set = await gatherDemonstrations(paths, readEpisode, view, (done) => {
    report.live(`reading episodes ${done}/${paths.length}`);
  });
  for (const { path, reason } of set.leftOut) report.line(`left out ${path}: ${reason}`);
  if (set.leftOut.length > 0)
    report.line(`left out ${set.leftOut.length} of ${paths.length} episodes`);
  const { embodiment } = set;
  if (!embodiment || set.demonstrations.length === 0)
    throw new UserError(`${folder}: none of its ${paths.length} episodes can be learned from`);
  report.line(`${set.demonstrations.length} observations of ${set.episodes} episodes`);
  return { ...set, embodiment };
}

/** Puts into `out` the bundle that is to learn: one of random weights, or a copy of another. */
async function prepareBundle(
  { out, from, size, seed, train, maxDelay, renormalise }: ImitateOptions,
  set: RobotDemonstrations,
): Promise<void> {
  const goesOn = maxDelay ? { maxDelay } : {};
  const made = `by nalu imitate on ${set.episodes} demonstrations.`;
  const named = (description: string) => ({ name: basename(resolve(out)), description });
  if (from === undefined) {
    const transforms = normalisationOf(set.demonstrations);
    const precision = 'float32';
    const sized = { ...configFor(size, set.embodiment), precision } as const;
    const config = { ...sized, ...named(`Trained ${made}`), transforms, ...goesOn };
    const weights = SIZES[size].weights(config.architecture, seed, precision);
    await writeBundle(out, config, tinyTokenizerJson(), weights);
    return;
  }
  const source = await loadBundle(from);
  const learnable = learnableOf(source);
  if (source.trainable)
    throw new UserError(`${from} has an adapter; go on from a policy without one`);
  const config = { ...configOf(source), ...goesOn };
  // Untouched, it keeps its version, which adapters are bound to.
  if (train !== 'all') return copyBundle(source, out, maxDelay ? config : undefined);
  // What is learned takes the weights' places: they must lie as they will be written.
  const { folder } = source;
  const tokenizer = await readFile(join(folder, BUNDLE_FILES.tokenizer), 'utf8');
  const transforms = renormalise ? normalisationOf(set.demonstrations) : config.transforms;
  await writeBundle(
    out,
    { ...config, ...named(`${source.name}, trained further ${made}`), transforms },
    tokenizer,
    await learnable.weightSources(folder),
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
  await replaceFiles(
    folder,
    (staging) => writeSafetensors(join(staging, BUNDLE_FILES.weights), tensors),
    // Both are of the weights before.
    () => [GOLDEN_FILE, ADAPTER_FILE],
  );
}

const isSameFolder = async (a: string, b: string) =>
  (await isThere(a)) && (await isThere(b)) && (await realpath(a)) === (await realpath(b));

/** Throws a `UserError` where a run would take away what is there, or has nothing to go on with. */
async function checkStart({ out, from, resume = false, force = false }: ImitateOptions) {
  const { checkpoint } = trainingFiles(out);
  const started = await isThere(checkpoint);
  if (resume && !started)
    throw new UserError(
      `${checkpoint}: nothing to resume; leave --resume away, or is ${out} right?`,
    );
  if (resume) return;
  if (from !== undefined && (await isSameFolder(from, out)))
    throw new UserError(
      `--from ${from} and --out ${out} are one folder, and what is there would be trained away; name another --out`,
    );
  if (started && !force)
    throw new UserError(
      `${checkpoint}: a run is there already; --resume goes on with it, another --out begins anew, --force replaces it`,
      { kind: 'exists' },
    );
  await checkPlace(out, force);
}

/** The version of the policy that a run goes on from, if it is to be compared. */
const versionOf = async ({ from, resume }: ImitateOptions): Promise<string | undefined> => {
  if (from !== undefined) return (await loadBundle(from)).base;
  return resume ? undefined : NO_POLICY;
};

export interface ImitateSurroundings {
  out: Output;
  /** Called once training can be stopped in order; aborts to stop it. */
  interruption: () => AbortSignal;
}

/** Trains a policy on demonstrations; see `nalu imitate --help`. */
export async function imitate(
  episodes: string,
  options: ImitateOptions,
  { out: output, interruption }: ImitateSurroundings,
): Promise<'done' | 'interrupted'> {
  const { out, from, resume = false, train, steps, task, evaluateEvery, attempts } = options;
  const settings = settingsOf(options);
  if (options.renormalise && train !== 'all')
    throw new UserError(
      `--renormalise: with --train ${train} the rest of the policy stays, and with it its normalisation`,
    );
  const session = await loadSessionConfig(options.session);
  await checkStart(options);

  const reading = createTrainingReport(0, steps, output);
  const place = resume ? out : from;
  const source = place === undefined ? undefined : await loadBundle(place);
  const set = await gather(episodes, { source, size: options.size }, reading);
  if (!resume) await prepareBundle(options, set);
  const files = await openTrainingFolder(out, `nalu imitate: ${basename(resolve(out))}`);
  const bundle = await loadBundle(out);
  const parameters = learnableOf(bundle).parameters(settings.trainable);
  const run: ImitationRun = {
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
  const report = createTrainingReport(imitation.state.step, steps, output);
  const simulated = (await simulatedEmbodiment()).name;
  const evaluates = attempts > 0 && robot.name === simulated;
  if (attempts > 0 && !evaluates)
    report.line(`no evaluations: the simulator is of ${simulated}, these demonstrations of ${robot.name}`); // prettier-ignore
  const signal = interruption();
  try {
    await trainingLoop(imitation, files, report, {
      steps,
      run,
      signal,
      evaluateEvery: evaluates ? evaluateEvery : Infinity,
      save: () => saveBundle(bundle, settings.trainable, imitation.averaged()),
      evaluate: () =>
        evaluate(out, task, attempts, EVALUATION_SEED, session, (done) =>
          report.live(`attempt ${done}/${2 * attempts}`),
        ),
    });
  } finally {
    await imitation.close();
  }
  const { step } = imitation.state;
  report.line(`${out}: ${step} steps in ${report.elapsed()}; the loss is drawn in ${files.curve}`);
  if (!signal.aborted) return 'done';
  report.line(`stopped by hand at step ${step}; the same command with --resume goes on`);
  return 'interrupted';
}
