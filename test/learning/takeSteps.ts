import type { TrainingRun } from '../../src/learning/train/trainingRun.ts';

/** Takes steps of a run; their losses. */
export async function takeSteps(run: TrainingRun, count: number): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < count; i++) losses.push((await run.step()).loss);
  return losses;
}
