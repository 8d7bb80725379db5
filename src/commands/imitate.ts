import { access } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { readEpisode } from '../episodes/readEpisode.ts';
import { UserError } from '../errors.ts';
import { type DemonstrationSet, gatherDemonstrations } from '../learning/demonstrations.ts';
import {
  type Imitation,
  type ImitationSettings,
  imitationSchema,
  openImitation,
} from '../learning/imitation.ts';
import { normalisationOf } from '../learning/statistics.ts';
import type { StepReport } from '../learning/trainer.ts';
import { writeSafetensors } from '../onnx/safetensors.ts';
import { loadSessionConfig } from '../onnx/session.ts';
import {
  BUNDLE_FILES,
  type BundleConfig,
  copyBundle,
  loadBundle,
  randomWeights,
  writeBundle,
} from '../policy/bundle.ts';
import { tinyTokenizerJson } from '../policy/tokenizer.ts';
import { type Trainable, trainableParameters } from '../policy/trainable.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { evaluate } from './evaluate.ts';
import { interruption } from './interruption.ts';
import { MINI } from './mini.ts';
import { openTrainingFolder } from './trainingFolder.ts';
import { type TrainingReport, createTrainingReport } from './trainingReport.ts';

export interface ImitateOptions {
  out: string;
  from?: string;
  train: Trainable['parameters'];
  rank: number;
  layers?: [number, ...number[]];
  steps: number;
  batch: number;
  samples: number;
  rate: number;
  augmentation: boolean;
  task: SimTaskName;
  evaluateEvery: number;
  attempts: number;
  seed: number;
  resume?: boolean;
  session?: string;
}

const CHECKPOINT_EVERY = 200;
const LOG_EVERY = 20;
/** Seed of the first attempt of an evaluation. */
const EVALUATION_SEED = 50_000;

function settingsOf(options: ImitateOptions): ImitationSettings {
  const { train, rank, layers, steps, batch, samples, rate, augmentation, seed } = options;
  return imitationSchema.parse({
    trainable: train === 'lora' ? { parameters: train, rank, layers } : { parameters: train },
    batch,
    samples,
    augment: augmentation,
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

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function gather(
  folder: string,
  config: Pick<BundleConfig, 'embodiment' | 'cameras' | 'pi0'>,
  report: TrainingReport,
): Promise<DemonstrationSet> {
  const paths = (await listEpisodes(folder)).map(({ path }) => path);
  if (paths.length === 0)
    throw new UserError(`${folder}: no episodes there. npx nalu demos ${folder} records some`);
  const view = {
    embodiment: config.embodiment,
    cameras: config.cameras,
    side: config.pi0.vision.imageSize,
    horizon: config.pi0.horizon,
  };
  const set = await gatherDemonstrations(paths, readEpisode, view, (done) => {
    report.live(`reading episodes ${done}/${paths.length}`);
  });
  for (const { path, reason } of set.leftOut) report.line(`left out ${path}: ${reason}`);
  if (set.leftOut.length > 0)
    report.line(`left out ${set.leftOut.length} of ${paths.length} episodes`);
  if (set.demonstrations.length === 0)
    throw new UserError(`${folder}: none of its ${paths.length} episodes can be learned from`);
  report.line(`${set.demonstrations.length} observations of ${set.episodes} episodes`);
  return set;
}

/** Puts into `out` the bundle that is to learn: one of random weights, or a copy of another. */
async function prepareBundle(
  { out, from, seed }: ImitateOptions,
  set: DemonstrationSet,
): Promise<void> {
  const name = basename(resolve(out));
  if (from === undefined) {
    const transforms = normalisationOf(set.demonstrations);
    const description = `Trained by nalu imitate on ${set.episodes} demonstrations.`;
    const config = { ...MINI, name, description, transforms };
    await writeBundle(out, config, tinyTokenizerJson(), randomWeights(MINI.pi0, seed));
  } else await copyBundle(await loadBundle(from), out);
}

/** Writes what was learned into the bundle. */
async function saveBundle(out: string, run: Imitation): Promise<void> {
  const path = join(out, BUNDLE_FILES.weights);
  const averaged = run.averaged();
  await writeSafetensors(
    path,
    run.parameters.map(({ name, shape }) => ({ name, shape, data: averaged.get(name)! })),
  );
}

/** Trains a policy on demonstrations; see `nalu imitate --help`. */
export async function imitateCommand(
  episodes: string,
  options: ImitateOptions,
): Promise<'done' | 'interrupted'> {
  const { out, from, resume = false, steps, task, evaluateEvery, attempts } = options;
  const settings = settingsOf(options);
  const session = await loadSessionConfig(options.session);
  const files = await openTrainingFolder(out, `nalu imitate: ${basename(resolve(out))}`);
  const started = await isThere(files.checkpoint);
  if (started && !resume)
    throw new UserError(`${files.checkpoint}: a run is there already; --resume goes on with it`);
  if (!started && resume)
    throw new UserError(`${files.checkpoint}: no such checkpoint to resume from`);

  const config = resume
    ? await loadBundle(out)
    : from === undefined
      ? MINI
      : await loadBundle(from);
  const gathering = createTrainingReport(0, steps);
  const set = await gather(episodes, config, gathering);
  const fingerprint = { settings, from, demonstrations: set.demonstrations.length };
  const run = JSON.stringify(fingerprint);
  if (!resume) await prepareBundle(options, set);
  const bundle = await loadBundle(out);
  const parameters = trainableParameters(settings.trainable, bundle.pi0);
  const checkpoint = resume ? await files.load(parameters) : undefined;
  if (checkpoint && checkpoint.run !== run)
    throw new UserError(
      `${files.checkpoint}: that run was made with other settings or demonstrations:\n  then ${checkpoint.run}\n  now  ${run}`,
    );

  const imitation = await openImitation(
    out,
    bundle,
    set.demonstrations,
    settings,
    session,
    checkpoint?.state,
  );
  const signal = interruption();
  const report = createTrainingReport(imitation.state.step, steps);
  await files.rewind(imitation.state.step);
  const save = () => files.save(imitation.state, run, parameters);
  try {
    const recent: StepReport[] = [];
    const began = performance.now();
    while (imitation.state.step < steps && !signal.aborted) {
      const told = await imitation.step();
      recent.push(told);
      const { step } = told;
      const isLogged = step % LOG_EVERY === 0 || step === steps;
      report.step(told, isLogged);
      if (isLogged) {
        const mean = (pick: (one: StepReport) => number) =>
          recent.reduce((sum, one) => sum + pick(one), 0) / recent.length;
        const seconds = Math.round((performance.now() - began) / 1000);
        const loss = mean(({ loss }) => loss);
        const norm = mean(({ norm }) => norm);
        await files.tell({ step, loss, norm, rate: told.rate, seconds });
        recent.length = 0;
      }
      if (step % CHECKPOINT_EVERY === 0) await save();
      const isEvaluated = attempts > 0 && (step % evaluateEvery === 0 || step === steps);
      if (isEvaluated) {
        await saveBundle(out, imitation);
        const evaluation = await evaluate(out, task, attempts, EVALUATION_SEED, session, (done) =>
          report.live(`step ${step}: attempt ${done}/${2 * attempts}`),
        );
        report.evaluation(step, evaluation);
        await files.tell({ step, evaluation });
        await files.draw();
      }
    }
    await save();
    await saveBundle(out, imitation);
    await files.draw();
  } finally {
    await imitation.close();
  }
  report.line(`${out}: ${imitation.state.step} steps in ${report.elapsed()}; ${files.curve}`);
  return signal.aborted ? 'interrupted' : 'done';
}
