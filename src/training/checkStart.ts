import { realpath } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { checkPlace } from '../policy/bundle/bundlePlace.ts';
import { trainingFiles } from './folder.ts';

/** Where a training run begins and where its bundle goes. */
export interface TrainingPlaces {
  out: string;
  /** The policy that it goes on from, and how the command line names it. */
  source?: { folder: string; named: string };
  resume?: boolean;
  /** Replace a bundle and a run that are in `out`. */
  force?: boolean;
}

const isSameFolder = async (a: string, b: string) =>
  (await isThere(a)) && (await isThere(b)) && (await realpath(a)) === (await realpath(b));

/** Throws a `UserError` where a run would take away what is there, or has nothing to go on with. */
export async function checkStart({ out, source, resume = false, force = false }: TrainingPlaces) {
  const { checkpoint } = trainingFiles(out);
  const started = await isThere(checkpoint);
  if (resume && !started)
    throw new UserError(
      `${checkpoint}: nothing to resume; leave --resume away, or is ${out} right?`,
      { kind: 'missing', subject: checkpoint },
    );
  if (resume) return;
  if (source && (await isSameFolder(source.folder, out)))
    throw new UserError(
      `${source.named} and --out ${out} are one folder, and what is there would be trained away; name another --out`,
      { kind: 'exists', subject: out, fields: ['--out'] },
    );
  if (started && !force)
    throw new UserError(
      `${checkpoint}: a run is there already; --resume goes on with it, another --out begins anew, --force replaces it`,
      { kind: 'exists', subject: checkpoint },
    );
  await checkPlace(out, force);
}
