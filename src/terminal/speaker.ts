import type { Output } from './output.ts';

/** A ratio in whole percent; a dash if `whole` is 0. */
export const percent = (part: number, whole: number) =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(0)} %`;

/** A duration in hours and minutes, minutes and seconds, or seconds. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${seconds.toFixed(0)} s`;
}

/** Clears a terminal's live line. */
export const clearLine = (out: Output) => out.isTTY && out.write('\r\u001b[K');

/** Writes permanent lines, and on a terminal a live line that the next output replaces. */
export const speaker = (out: Output) => ({
  note: (text: string) => {
    clearLine(out);
    out.write(`${text}\n`);
  },
  live: (text: string) => {
    if (!out.isTTY) return;
    clearLine(out);
    out.write(text.slice(0, (out.columns ?? Infinity) - 1));
  },
});

/** Clears a terminal's live line and everything below it. */
export const clearBelow = (out: Output) => out.isTTY && out.write('\r\u001b[J');
