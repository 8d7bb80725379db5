import { type Counts, successInterval } from '../src/learning/versions.ts';

/** A table in Markdown. */
export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** The 95 % interval of a success rate, in whole percent: `78 to 91`. */
export const intervalText = (counts: Counts): string =>
  successInterval(counts)
    .map((share) => (100 * share).toFixed(0))
    .join(' to ');
