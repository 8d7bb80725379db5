import type { LearnerEvent } from '../learning/events.ts';
import { successInterval } from '../tensors/successRates.ts';
import type { Evaluation } from './evaluation.ts';
import { describeEvent } from '../learning/learnReport.ts';
import type { Output } from '../terminal/output.ts';
import { duration, speaker } from '../terminal/speaker.ts';

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

function rate(successes: number, attempts: number): string {
  const [low, high] = successInterval({ attempts, successes });
  return `${successes} of ${attempts} (${percent(successes / attempts)}, ${percent(low)} to ${percent(high)})`;
}

const BAR = 30;

/** A success rate as a bar of text. */
const bar = (share: number) =>
  '█'.repeat(Math.round(BAR * share)) + '░'.repeat(BAR - Math.round(BAR * share));

/** Reports the progress of an adaptation by `episodes` attempts, on a terminal with a live line. */
export function createAdaptReport(episodes: number, batch: number, out: Output) {
  const began = performance.now();
  let first: number | undefined;

  const { note, live } = speaker(out);
  const left = (made: number): string => {
    first ??= made - 1;
    const pace = (performance.now() - began) / 1000 / (made - first);
    return `about ${duration(pace * (episodes - made))} left`;
  };

  return {
    note,
    live,
    event: (event: LearnerEvent) => note(describeEvent(event)),
    attempts(made: number, successes: number, done: number) {
      live(
        `episode ${made} of ${episodes}  ${bar(successes / done)} ${percent(successes / done)} of ${done} in this batch of ${batch}  ${left(made)}`,
      );
    },
    evaluation({ episodes: after, attempts, random, zero }: Evaluation, isNoiseIgnored: boolean) {
      const rates = isNoiseIgnored
        ? `${rate(zero, attempts)}, made once, as noise changes nothing`
        : `${rate(random, attempts)} from random noise, ${rate(zero, attempts)} from zero noise`;
      note(`after ${after} episodes, on held-out attempts: ${rates}`);
    },
    end(evaluations: readonly Evaluation[], curve: string) {
      const [from, to] = [evaluations[0], evaluations.at(-1)];
      if (from && to && to !== from)
        for (const kind of ['random', 'zero'] as const)
          note(
            `${kind.padEnd(6)} noise  ${bar(from[kind] / from.attempts)} ${percent(from[kind] / from.attempts)} before\n${' '.repeat(14)}${bar(to[kind] / to.attempts)} ${percent(to[kind] / to.attempts)} after ${to.episodes} episodes`,
          );
      note(`the curve: ${curve}`);
    },
  };
}
