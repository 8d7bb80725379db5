import { readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { packagePath } from '../src/files/packagePath.ts';
import { type Counts, successInterval } from '../src/tensors/successRates.ts';

/** A table in Markdown. */
export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** The 95 % interval of a success rate, in whole percent: `78 to 91`. */
export const intervalText = (counts: Counts): string =>
  successInterval(counts)
    .map((share) => (100 * share).toFixed(0))
    .join(' to ');

/**
 * Puts text between `<!-- NAME -->` and `<!-- end of NAME -->` in a document of this project, formatted; false if the
 * document has no such place.
 */
export async function writeSection(path: string, name: string, text: string): Promise<boolean> {
  const file = packagePath(path);
  const document = await readFile(file, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) return false;
  const whole = `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
  await writeFile(file, await format(whole, { ...(await resolveConfig(file)), filepath: file }));
  return true;
}
