import { UserError } from '../errors.ts';
import type { TrainingRun } from '../learning/train/trainingRun.ts';
import type { Evaluation } from '../charts/lossCurve.ts';
import type { StepReport } from '../learning/train/trainer.ts';
import type { BegunRun } from './begunRun.ts';
import type { TrainingFolder } from './folder.ts';
import type { TrainingReport } from './report.ts';

const CHECKPOINT_EVERY = 200;
const LOG_EVERY = 20;

export interface TrainingLoopOptions {
  steps: number;
  /** What a resumed run must have in common with this one. */
  run: BegunRun;
  signal: AbortSignal;
  /** Steps between evaluations; Infinity for none. */
  evaluateEvery: number;
  /** Writes the averaged parameters where the policy is loaded from. */
  save: () => Promise<void>;
  evaluate: () => Promise<Evaluation>;
}

function averageOf(reports: readonly StepReport[], pick: (report: StepReport) => number): number {
  return reports.reduce((sum, report) => sum + pick(report), 0) / reports.length;
}

/** Takes a run's steps to the last, or to a stop by hand: logs, keeps checkpoints, evaluates. */
export async function trainingLoop(
  training: TrainingRun,
  files: TrainingFolder,
  report: TrainingReport,
  { steps, run, signal, evaluateEvery, save, evaluate }: TrainingLoopOptions,
): Promise<void> {
  await files.rewind(training.state.step);
  let kept = training.state.step;
  const checkpoint = async () => {
    await files.save(training.state, run, training.parameters);
    kept = training.state.step;
  };
  const takeStep = () =>
    training.step().catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      const where =
        kept > 0 ? `${files.checkpoint} holds step ${kept}` : 'there is no checkpoint yet';
      throw new UserError(`${error.message}. ${where}`, { cause: error });
    });

  const recent: StepReport[] = [];
  while (training.state.step < steps && !signal.aborted) {
    const told = await takeStep();
    recent.push(told);
    const { step, rate } = told;
    const isLogged = step % LOG_EVERY === 0 || step === steps;
    report.step(told, isLogged);
    if (isLogged) {
      const loss = averageOf(recent, (one) => one.loss);
      const norm = averageOf(recent, (one) => one.norm);
      await files.tell({ step, loss, norm, rate, seconds: report.seconds() });
      recent.length = 0;
    }
    if (step % CHECKPOINT_EVERY === 0) await checkpoint();
    if (step % evaluateEvery === 0 || (step === steps && evaluateEvery < Infinity)) {
      await save();
      const evaluation = await evaluate();
      report.evaluation(step, evaluation);
      await files.tell({ step, evaluation });
      await files.draw();
    }
  }
  await checkpoint();
  await save();
  await files.draw();
}
