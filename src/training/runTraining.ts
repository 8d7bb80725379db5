import type { TrainingRun } from '../learning/train/trainingRun.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { evaluate } from '../rollouts/evaluate.ts';
import type { SessionConfig } from '../session/session.ts';
import { invocation } from '../terminal/invocation.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import type { SceneChoice } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import type { Output } from '../terminal/output.ts';
import type { TrainingFolder } from './folder.ts';
import { trainingLoop } from './loop.ts';
import { createTrainingReport } from './report.ts';
import type { BegunRun } from './begunRun.ts';

/** Seed of the first attempt of an evaluation. */
const EVALUATION_SEED = 50_000;

export interface TrainingSurroundings {
  out: Output;
  /** Called once training can be stopped in order; aborts to stop it. */
  interruption: () => AbortSignal;
}

/** What the commands that train have in common. */
export interface TrainingOptions extends SceneChoice {
  out: string;
  steps: number;
  batch: number;
  rate: number;
  /** Of evaluations; the demonstrations' where absent. */
  task?: SimTaskName;
  evaluateEvery: number;
  attempts: number;
  seed: number;
  resume?: boolean;
  /** Replace a bundle and a run that are in `out`. */
  force?: boolean;
  session?: string;
}

/** Scenes are of evaluations. */
export interface TrainingPlan extends SceneChoice {
  out: string;
  steps: number;
  task: SimTaskName;
  /** Steps between evaluations in the simulator. */
  evaluateEvery: number;
  /** Attempts of an evaluation; 0 for none. */
  attempts: number;
  session: SessionConfig;
  /** That gave the demonstrations. */
  robot: Embodiment;
  /** What a resumed run must have in common with this one. */
  run: BegunRun;
  /** Writes what was learned into the bundle in `out`. */
  save: () => Promise<void>;
}

/** Takes a run's steps, evaluates the policy where the simulator is of its robot, and says how it ended. */
export async function runTraining(
  training: TrainingRun,
  files: TrainingFolder,
  plan: TrainingPlan,
  { out: output, interruption }: TrainingSurroundings,
): Promise<'done' | 'interrupted'> {
  const { out, steps, task, scene, sceneMap, evaluateEvery, attempts, session, robot, run, save } =
    plan;
  const report = createTrainingReport(training.state.step, steps, output);
  const simulated = (await simulatedEmbodiment()).name;
  const evaluates = attempts > 0 && robot.name === simulated;
  if (attempts > 0 && !evaluates)
    report.line(`no evaluations: the simulator is of ${simulated}, these demonstrations of ${robot.name}`); // prettier-ignore
  const signal = interruption();
  const begun = training.state.step;
  try {
    await trainingLoop(training, files, report, {
      ...{ steps, run, signal, save },
      evaluateEvery: evaluates ? evaluateEvery : Infinity,
      evaluate: () =>
        evaluate(out, { task, scene, sceneMap }, attempts, EVALUATION_SEED, session, (done, of) =>
          report.live(`attempt ${done}/${of}`),
        ),
    });
  } finally {
    await training.close();
  }
  const where = Object.entries({ scene, 'scene-map': sceneMap })
    .map(([option, file]) => (file === undefined ? '' : ` --${option} ${file}`))
    .join('');
  const { step } = training.state;
  report.line(
    begun < step
      ? `${out}: ${step} steps in ${report.elapsed()}; the loss is drawn in ${files.curve}`
      : `${out}: its ${step} steps were made already; the loss is drawn in ${files.curve}`,
  );
  if (!signal.aborted) {
    if (robot.name === simulated)
      report.line(
        `Next: ${invocation(`sim --policy ${out} --task ${task}${where} --episodes 200`)}`,
      );
    return 'done';
  }
  report.line(`stopped by hand at step ${step}; the same command with --resume goes on`);
  return 'interrupted';
}
