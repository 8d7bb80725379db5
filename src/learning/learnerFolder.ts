import { join } from 'node:path';
import type { Outcome } from '../episodes/episode.ts';
import { invalid } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { readAdapterHead } from '../policy/bundle/adapter.ts';
import { readSafetensorsHeader } from '../tensors/safetensors.ts';
import { parseJson } from '../validate.ts';
import type { Beginning } from './begun.ts';
import type { Counted, Counts } from './corrections.ts';
import type { VersionRecord } from './versions.ts';

/** What a learner keeps beside the algorithm's state, in the same file. */
export interface Run extends Counts {
  /** Ids of episodes that were learned from, or left out. */
  consumed: string[];
  versions: VersionRecord[];
  /** The version that learning goes on from. */
  current: string;
  /** Of the episodes that were learned from; absent before the first. */
  task?: string;
}

/** The same in JSON; an older state has no counts by episode. */
type Saved = Omit<Run, keyof Counts> & {
  counted?: [string, Counted][];
  labels?: [string, Outcome][];
};

/** What a state file keeps of it. */
export const writeRun = ({ counted, labels, ...run }: Run): string =>
  JSON.stringify({ ...run, counted: [...counted], labels: [...labels] } satisfies Saved);

export const versionFile = (folder: string, version: string) =>
  join(folder, 'versions', `${version}.safetensors`);

/** `now` without an adapter of the bundle's that is one of the folder's own versions: it belongs there. */
export const withoutOwnAdapter = async (folder: string, now: Beginning): Promise<Beginning> =>
  (await isThere(versionFile(folder, String(now.adapter)))) ? { ...now, adapter: undefined } : now;

/** The file of a learner's state: the algorithm's, and a `Run`. */
export const stateFile = (folder: string): string => join(folder, 'state.safetensors');

/** What the learner of a folder keeps; undefined where it has none yet. Throws a `UserError` for another file. */
export async function readRun(folder: string): Promise<Run | undefined> {
  const state = stateFile(folder);
  if (!(await isThere(state))) return undefined;
  const { run } = (await readSafetensorsHeader(state)).metadata;
  if (run === undefined)
    throw invalid(state, "no learner's state; move it away, or choose another folder");
  const { counted, labels, ...rest } = parseJson(run, state) as Saved;
  return { ...rest, counted: new Map(counted), labels: new Map(labels) };
}

/** Base of the policy that a learner's folder improves, as its state names it; undefined where it does not. */
export async function baseIn(folder: string): Promise<string | undefined> {
  const state = stateFile(folder);
  if (!(await isThere(state))) return undefined;
  const { base, run } = (await readSafetensorsHeader(state)).metadata;
  if (base !== undefined || run === undefined) return base;
  // An older state does not name it; its first version does.
  const [first] = (parseJson(run, state) as Partial<Run>).versions ?? [];
  const file = first && versionFile(folder, first.version);
  return file && (await isThere(file)) ? (await readAdapterHead(file)).base : undefined;
}
