import type { Output } from '../terminal/output.ts';
import { duration, speaker } from '../terminal/speaker.ts';

/** Reports work on `total` episodes: a live line on a terminal, else a line each tenth. */
export function createProgress(total: number, out: Output) {
  const began = performance.now();
  const { note, live } = speaker(out);
  const elapsed = () => (performance.now() - began) / 1000;
  const tenth = (done: number) => Math.floor((10 * done) / total);

  return {
    say: note,
    elapsed: () => duration(elapsed()),
    done(count: number): void {
      const perSecond = count / elapsed();
      const line = `episodes ${count}/${total}  ${perSecond.toFixed(1)} a second  about ${duration((total - count) / perSecond)} left`;
      if (out.isTTY) live(line);
      else if (tenth(count) > tenth(count - 1)) note(line);
    },
  };
}

export type Progress = ReturnType<typeof createProgress>;
