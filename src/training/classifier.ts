import { join } from 'node:path';
import { stringify } from 'yaml';
import { existsError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { SIDE_STEP, successGraph } from '../learning/classifier/successGraph.ts';
import {
  type Verdicts,
  measureSuccess,
  precision,
  recall,
  trainSuccess,
} from '../learning/classifier/successTraining.ts';
import { writeModel } from '../onnx/modelFile.ts';
import { sessionConfigSchema } from '../session/session.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { openSampler } from '../policy/sampler.ts';
import { type ClassifierSettings, classifierSchema } from '../classifier/successClassifier.ts';
import { finishReplacement, replaceFiles } from '../files/replaceFiles.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { labelledFrames } from './classifierFrames.ts';
import { inlinePolicy } from '../rollouts/inlinePolicy.ts';
import type { Output } from '../terminal/output.ts';
import { createTrainingReport } from './report.ts';

export interface ClassifierOptions {
  task: SimTaskName;
  out: string;
  policy: string;
  episodes: number;
  steps: number;
  seed: number;
  /** Replace a classifier that is there. */
  force?: boolean;
}

/** Seeds of the first attempts: of those that it learns from, and of those that it is measured on. */
const SEEDS = { training: 700_000, heldOut: 800_000 };
/** Attempts to learn from for each held-out one. */
const HELD_OUT = 4;
/** Training steps between two lines of the log. */
const LOG_EVERY = 200;

const SETTINGS: ClassifierSettings = classifierSchema.parse({
  model: 'success.onnx',
  camera: 'cam_high',
  every: 10,
});

const SETTINGS_FILE = 'classifier.yaml';

/** Throws a `UserError` where a classifier is there that is not to be replaced. */
async function checkOut({ out, force = false }: ClassifierOptions): Promise<void> {
  await finishReplacement(out);
  if (force) return;
  for (const path of [SETTINGS_FILE, SETTINGS.model].map((file) => join(out, file)))
    if (await isThere(path)) throw existsError(path, 'name another --out, or say --force');
}

const percent = (share: number) => (Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`);

const said = (what: string, verdicts: Verdicts) =>
  `${what}: precision ${percent(precision(verdicts))}, recall ${percent(recall(verdicts))} ` +
  `(${verdicts.right} right, ${verdicts.wrong} wrong, ${verdicts.lacking} lacking)`;

export interface ClassifierSurroundings {
  out: Output;
  /** Called once training can be stopped in order; aborts to stop it. */
  interruption: () => AbortSignal;
}

/** Trains a success classifier in the simulator, whose rule labels its frames; see `nalu classifier --help`. */
export async function trainClassifier(
  options: ClassifierOptions,
  { out: output, interruption }: ClassifierSurroundings,
): Promise<'done' | 'interrupted'> {
  const { task, out, episodes, steps, seed } = options;
  await checkOut(options);
  const bundle = await loadBundle(options.policy);
  await makeFolder(out);
  const session = sessionConfigSchema.parse({ threads: 1 });
  const { camera, every, threshold, agree } = SETTINGS;
  const signal = interruption();
  const report = createTrainingReport(0, steps, output);

  const sampler = await openSampler(bundle, session);
  const cameras = [...new Set([...bundle.cameras, camera])];
  const sim = await simulatedAloha({ task, cameras });
  const side = sim.embodiment.cameras.find(({ name }) => name === camera)!.width;
  if (side % SIDE_STEP !== 0) throw new Error(`${camera}: ${side} is no multiple of ${SIDE_STEP}`);
  const policy = inlinePolicy(bundle, sampler);
  const gather = (what: string, first: number, count: number) =>
    labelledFrames(sim, policy, {
      camera,
      every,
      seed: first,
      episodes: count,
      signal,
      onAttempt: (made) => report.live(`${what} attempts ${made}/${count}`),
    });
  try {
    const training = (await gather('training', SEEDS.training, episodes)).flat();
    const heldOut = await gather('held-out', SEEDS.heldOut, Math.ceil(episodes / HELD_OUT));
    if (signal.aborted) return 'interrupted';
    const shown = training.filter(({ success }) => success).length;
    report.line(`${training.length} frames of ${episodes} attempts, ${shown} show success`);
    const flat = await trainSuccess(training, { side, steps, seed }, session, (step) =>
      report.step(step, step.step % LOG_EVERY === 0),
    );
    await replaceFiles(out, async (staging) => {
      await writeModel(successGraph(side, flat), join(staging, SETTINGS.model));
      await writeWhole(join(staging, SETTINGS_FILE), stringify(SETTINGS));
    });
    const measured = await measureSuccess(heldOut, flat, { side, threshold, agree }, session);
    report.line(`held out, ${heldOut.length} attempts from seed ${SEEDS.heldOut}:`);
    report.line(said('  single frames', measured.frames));
    report.line(said(`  attempts, ${agree} looks in a row`, measured.attempts));
    report.line(`${join(out, SETTINGS_FILE)}: made in ${report.elapsed()}`);
    return 'done';
  } finally {
    await sim.close();
    await sampler.close();
  }
}
