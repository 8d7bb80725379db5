import { resolve } from 'node:path';
import { UserError, listed } from '../errors.ts';
import { beingWritten } from './beingWritten.ts';
import { type Recovery, lossInWords, recoverEpisode } from './recoverEpisode.ts';

const describe = (file: string, { path, messages, result, loss, stays }: Recovery) =>
  `${file} → ${path}: ${messages} messages, ${result.outcome}` +
  (loss ? `; lost ${lossInWords(loss)}` : '') +
  (stays ? `; ${file} stays` : '');

/**
 * Recovers unfinished and damaged episodes; `report` gets a line for each, with its new path and what it
 * lacks. Files that are being written or hold nothing are left alone and named in a `UserError` at the end.
 */
export async function recoverEpisodes(
  paths: readonly string[],
  report: (line: string) => void,
): Promise<void> {
  const files = [...new Map(paths.map((file) => [resolve(file), file])).values()];
  const live = await beingWritten(files);
  const faults: UserError[] = [];
  for (const file of files) {
    try {
      if (live.has(file))
        throw new UserError(`${file}: it is being recorded, so it is left alone; recover it when its process has ended`, { kind: 'unready', subject: file }); // prettier-ignore
      report(describe(file, await recoverEpisode(file)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push(error);
    }
  }
  if (faults.length === 1) throw faults[0];
  if (faults.length > 1)
    throw new UserError(`${faults.length} of ${files.length} files were not recovered:${listed(faults.map(({ message }) => message))}`, { kind: faults[0].kind }); // prettier-ignore
}
