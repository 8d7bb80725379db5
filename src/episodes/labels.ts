import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UserError, codeOf, invalid } from '../errors.ts';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import { syncToDisk } from '../files/writeWhole.ts';
import { reasonOf } from '../systemErrors.ts';
import { validate } from '../validate.ts';
import { type EpisodeResult, type Outcome, REWARDS } from './episode.ts';
import { episodeFile, labelledEpisode, labelsFile, wholePath } from './files.ts';
import { outcomeSchema } from './metadata.ts';

/** A correction of an episode's outcome, a line of the file beside it. */
export const labelSchema = z.object({
  /** Milliseconds of the wall clock; greater than in all labels that were there when it was made. */
  at: z.number(),
  /** Who made it. */
  by: z.string().max(200),
  outcome: outcomeSchema,
  note: z.string().max(2000).optional(),
  /** Size of the episode's file: a label says nothing of another recording under the same name. */
  bytes: z.int().min(0),
});
export type Label = z.infer<typeof labelSchema>;

/** Labels are equal if their texts are. */
const textOf = (label: Label) => JSON.stringify(label);

async function readLabels(file: string): Promise<Label[]> {
  const lines = await readJsonLines(file);
  return lines.map((line, i) => validate(labelSchema, line, `${file}: label ${i + 1}`));
}

async function append(file: string, labels: readonly Label[]): Promise<void> {
  await appendJsonLines(file, labels);
  await syncToDisk(dirname(file));
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    },
  );

/** The labels of an episode's file; none if there is no such file. Throws a `UserError` for a line that is none. */
export async function labelsOf(path: string): Promise<Label[]> {
  const labels = await readLabels(labelsFile(path));
  if (labels.length === 0) return labels;
  const size = await sizeOf(path);
  return labels.filter(({ bytes }) => bytes === size);
}

/** Of two labels of one time, which only two machines can make, every reader takes the same. */
const isLater = (a: Label, b: Label) => (a.at === b.at ? textOf(a) > textOf(b) : a.at > b.at);

/** The label that counts: the latest one, whatever their order. Undefined if there is none. */
export const newestLabel = ([first, ...others]: readonly Label[]): Label | undefined =>
  others.reduce((newest, label) => (isLater(label, newest) ? label : newest), first);

/**
 * The outcomes that newest labels give to a folder's episodes, by id; without labels that cannot be read, of which the
 * list of episodes tells.
 */
export async function labelledOutcomes(folder: string): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  for (const name of await readdir(folder).catch(() => [])) {
    const id = labelledEpisode(name);
    if (id === undefined) continue;
    const label = await labelsOf(wholePath(folder, id)).then(newestLabel, () => undefined);
    if (label) outcomes.set(id, label.outcome);
  }
  return outcomes;
}

/** An episode's result as its labels correct it; the same object where they do not. */
export function correctedResult(result: EpisodeResult, labels: readonly Label[]): EpisodeResult {
  const outcome = newestLabel(labels)?.outcome ?? result.outcome;
  return outcome === result.outcome ? result : { ...result, outcome, reward: REWARDS[outcome] };
}

/**
 * Corrects the outcome of a finished episode by a line in `ID.labels.jsonl` beside it; the episode's file stays as it
 * is. Resolves when it is on the disk. Throws a `UserError`.
 */
export async function labelEpisode(
  path: string,
  { by, outcome, note }: Pick<Label, 'by' | 'outcome' | 'note'>,
): Promise<Label> {
  if (!episodeFile(path)?.finished) throw invalid(path, 'only a finished episode can be labelled');
  const bytes = await stat(path).then(
    ({ size }) => size,
    (error: unknown) => {
      throw new UserError(`${path}: cannot be labelled: ${reasonOf(error)}`, {
        cause: error,
        subject: path,
      });
    },
  );
  // A clock that was set back must not make a correction older than what it corrects.
  const last = newestLabel(await labelsOf(path))?.at ?? 0;
  const at = Math.max(Date.now(), last + 1);
  const label = { at, by, outcome, ...(note !== undefined && { note }), bytes };
  await append(labelsFile(path), [label]);
  return label;
}

/** Adds those labels to an episode's file that are not there yet; resolves when they are on the disk. */
export async function mergeLabels(path: string, labels: readonly Label[]): Promise<void> {
  if (labels.length === 0) return;
  const file = labelsFile(path);
  const known = new Set((await readLabels(file)).map(textOf));
  const added = labels.filter((label) => !known.has(textOf(label)));
  if (added.length > 0) await append(file, added);
}
