import type { Evaluation } from '../charts/lossCurve.ts';
import type { StepReport } from '../learning/train/trainer.ts';
import type { Output } from '../terminal/output.ts';
import { duration, speaker } from '../terminal/speaker.ts';

/** Reports the progress of a training run of `steps` steps, on a terminal with a live line. */
export function createTrainingReport(from: number, steps: number, out: Output) {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const { note: line, live } = speaker(out);

  return {
    line,
    live,
    step({ step, loss, norm }: Pick<StepReport, 'step' | 'loss' | 'norm'>, isLogged: boolean) {
      const perStep = seconds() / (step - from);
      const text = [
        `step ${step}/${steps}`,
        `loss ${loss.toFixed(4)}`,
        `gradient ${norm.toFixed(2)}`,
        `${(perStep * 1000).toFixed(0)} ms a step`,
        `about ${duration(perStep * (steps - step))} left`,
      ].join('  ');
      if (isLogged && !out.isTTY) line(text);
      else live(text);
    },
    evaluation(step: number, { episodes, randomNoise, zeroNoise, once = false }: Evaluation) {
      line(
        once
          ? `step ${step}/${steps}  success of ${episodes} attempts: ${zeroNoise}, made once, as noise changes nothing`
          : `step ${step}/${steps}  success of ${episodes} attempts each: ${randomNoise} from random noise, ${zeroNoise} from zero noise`,
      );
    },
    seconds: () => Math.round(seconds()),
    elapsed: () => duration(seconds()),
  };
}

export type TrainingReport = ReturnType<typeof createTrainingReport>;
