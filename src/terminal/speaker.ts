/** A share in whole percent, or a dash where there is nothing to share. */
export const percent = (part: number, whole: number) =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(0)} %`;

/** A duration as people say it. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${seconds.toFixed(0)} s`;
}

/** Takes the live line away where there is a terminal. */
export const clearLine = (out: NodeJS.WriteStream) => out.isTTY && out.write('\r\u001b[K');

/** What is said for good, and a line that what comes next replaces, where there is a terminal. */
export const speaker = (out: NodeJS.WriteStream) => ({
  note: (text: string) => {
    clearLine(out);
    out.write(`${text}\n`);
  },
  live: (text: string) => {
    if (!out.isTTY) return;
    clearLine(out);
    out.write(text.slice(0, out.columns - 1));
  },
});

/** Takes the live line and what is drawn below it away where there is a terminal. */
export const clearBelow = (out: NodeJS.WriteStream) => out.isTTY && out.write('\r\u001b[J');
