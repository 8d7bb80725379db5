import { BUFFER } from './unusedTensors.ts';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../../files/isThere.ts';
import { UserError, listed } from '../../errors.ts';
import { toFloat32 } from '../../tensors/dtype.ts';
import { type TensorEntry, loadSafetensors, loadTensors } from '../../tensors/safetensors.ts';
import { readPythonJson, validate } from '../../validate.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Statistics of a vector, by their name: `mean`, `std`, `q01`, `q99`, …; what they hold is not checked yet. */
export type Moments = Record<string, readonly unknown[]>;

/** Statistics of the data that a policy was trained on. */
export interface Statistics {
  /** What they were read from. */
  source: string;
  /** What the actions' were, where that is another file. */
  sourceOfActions?: string;
  convention: 'openpi' | 'lerobot';
  state: Moments;
  actions: Moments;
}

/** lerobot's names of the two vectors. */
const VECTORS = { state: 'observation.state', actions: 'action' } as const;

const momentsSchema = z
  .record(z.string(), z.unknown())
  .transform(
    (fields) =>
      Object.fromEntries(
        Object.entries(fields).filter(([, value]) => Array.isArray(value)),
      ) as Moments,
  );

const openpiSchema = z.looseObject({
  norm_stats: z.looseObject({ state: momentsSchema, actions: momentsSchema }),
});
const lerobotSchema = z.looseObject({ 'observation.state': momentsSchema, action: momentsSchema });
const fileSchema = z.union([openpiSchema, lerobotSchema], {
  error:
    'holds neither norm_stats.state and norm_stats.actions (openpi) nor observation.state and action (lerobot)',
});

/** openpi's norm_stats.json, or a lerobot data set's meta/stats.json. */
async function readStatsJson(path: string): Promise<Statistics> {
  const file = validate(fileSchema, await readPythonJson(path), path);
  if ('norm_stats' in file) {
    const { state, actions } = (file as z.infer<typeof openpiSchema>).norm_stats;
    return { source: path, convention: 'openpi', state, actions };
  }
  const { 'observation.state': state, action } = file;
  return { source: path, convention: 'lerobot', state, actions: action };
}

type Vectors = ReadonlyMap<string, number[]>;

/** Those of `tensors` that are statistics of `vector`: named `observation.state.mean`, and so on. */
const momentsOf = (tensors: Vectors, vector: string): Moments =>
  Object.fromEntries(
    [...tensors].flatMap(([name, values]) => {
      const statistic = name.slice(vector.length + 1);
      return name.startsWith(`${vector}.`) && !statistic.includes('.') ? [[statistic, values]] : [];
    }),
  );

const fromTensors = (source: string, state: Vectors, actions: Vectors = state): Statistics => ({
  source,
  convention: 'lerobot',
  state: momentsOf(state, VECTORS.state),
  actions: momentsOf(actions, VECTORS.actions),
});

async function readStatsTensors(path: string): Promise<Vectors> {
  const { tensors } = await loadSafetensors(path);
  const wanted = [...tensors].filter(([name]) =>
    Object.values(VECTORS).some((vector) => name.startsWith(`${vector}.`)),
  );
  return new Map(
    wanted.flatMap(([name, tensor]) =>
      tensor.dtype.includes('F') ? [[name, [...toFloat32(tensor)]]] : [],
    ),
  );
}

/** The statistics of several files, those of the first before those of the next. */
async function readFirst(paths: readonly string[]): Promise<Vectors> {
  const read = await Promise.all(paths.map(readStatsTensors));
  return new Map(read.reverse().flatMap((tensors) => [...tensors]));
}

/** What lerobot's preprocessor and postprocessor normalise with. */
async function fromProcessors({ processors }: Checkpoint): Promise<Statistics | undefined> {
  const { state, actions } = processors.statistics;
  if (state.length === 0) return undefined;
  const read = fromTensors(state[0], await readFirst(state), await readFirst(actions));
  return { ...read, sourceOfActions: actions[0] };
}

async function fromBuffers({ header }: Checkpoint): Promise<Statistics | undefined> {
  const entries = new Map<string, TensorEntry>();
  for (const [name, entry] of header.tensors) {
    const [, vector, statistic] = BUFFER.exec(name) ?? [];
    if (vector) entries.set(`${vector.replace('_', '.')}.${statistic}`, entry);
  }
  const loaded = await loadTensors([...entries.values()]);
  const tensors = new Map(
    [...entries.keys()].map((key, i): [string, number[]] => [key, [...toFloat32(loaded[i])]]),
  );
  // A base policy has buffers that nobody has filled.
  const isFilled = [...tensors.values()].every((values) => values.every(Number.isFinite));
  return tensors.size > 0 && isFilled
    ? fromTensors(`buffers in ${header.index ?? header.files[0]}`, tensors)
    : undefined;
}

/** openpi's name of the data that statistics are of: `assets/NAME/norm_stats.json`. */
export const assetOf = ({ source }: Statistics): string | undefined =>
  /(?:^|[\\/])assets[\\/](.+)[\\/]norm_stats\.json$/.exec(source)?.[1].replaceAll('\\', '/');

/** openpi's `assets/ASSET/norm_stats.json`. */
async function fromAssets({ folder }: Checkpoint): Promise<Statistics | undefined> {
  const inside = await readdir(join(folder, 'assets'), { recursive: true }).catch(() => []);
  const found = inside
    .filter((path) => /(^|[\\/])norm_stats\.json$/.test(path))
    .map((path) => join(folder, 'assets', path))
    .sort();
  if (await isThere(join(folder, 'norm_stats.json'))) found.push(join(folder, 'norm_stats.json'));
  if (found.length > 1)
    throw new UserError(
      `${folder} has statistics of several robots; say which with --stats:${listed(found)}`,
      { kind: 'unsaid', subject: folder, fields: ['--stats'] },
    );
  return found.length > 0 ? readStatsJson(found[0]) : undefined;
}

/**
 * The statistics that a policy normalises with: of a file, else of the checkpoint. Throws a `UserError`
 * where there are none, or several.
 */
export async function readStatistics(checkpoint: Checkpoint, file?: string): Promise<Statistics> {
  if (file !== undefined)
    return file.endsWith('.safetensors')
      ? fromTensors(file, await readStatsTensors(file))
      : readStatsJson(file);
  const found =
    (await fromProcessors(checkpoint)) ??
    (await fromBuffers(checkpoint)) ??
    (await fromAssets(checkpoint));
  if (found) return found;
  throw new UserError(
    `${checkpoint.folder} has no normalisation statistics (a base policy has none of your robot). Give --stats FILE: norm_stats.json of openpi's assets, meta/stats.json of the lerobot data set that it was trained on, or the normalizer's .safetensors of a lerobot checkpoint`,
    { kind: 'unsaid', subject: checkpoint.folder, fields: ['--stats'] },
  );
}
