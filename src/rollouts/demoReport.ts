import type { Output } from '../terminal/output.ts';
import { duration, speaker } from '../terminal/speaker.ts';

/** Counts over the demonstrations recorded so far. */
export interface DemoCounts {
  recorded: number;
  failed: number;
}

/** Reports the recording of `asked` demonstrations: a live line on a terminal, else a line each tenth. */
export function createDemoReport(asked: number, out: Output) {
  const began = performance.now();
  const { note, live } = speaker(out);
  const elapsed = () => (performance.now() - began) / 1000;
  const tenth = (recorded: number) => Math.floor((10 * recorded) / asked);

  const line = ({ recorded, failed }: DemoCounts) => {
    const perSecond = recorded / elapsed();
    return [
      `episodes ${recorded}/${asked}`,
      `${recorded - failed} succeeded`,
      ...(recorded > 0
        ? [
            `${perSecond.toFixed(2)} a second`,
            `about ${duration((asked - recorded) / perSecond)} left`,
          ]
        : []),
    ].join('  ');
  };

  return {
    elapsed,
    progress(counts: DemoCounts): void {
      if (out.isTTY) live(line(counts));
      else if (tenth(counts.recorded) > tenth(counts.recorded - 1)) note(line(counts));
    },
    say: note,
  };
}
