import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../../isThere.ts';
import { UserError, listed } from '../../errors.ts';
import { toFloat32 } from '../../onnx/dtype.ts';
import { type TensorEntry, loadSafetensors, loadTensors } from '../../onnx/safetensors.ts';
import { readJson, validate } from '../../validate.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Statistics of a vector, by their name: `mean`, `std`, `q01`, `q99`, … */
export type Moments = Record<string, number[]>;

/** Statistics of the data that a policy was trained on. */
export interface Statistics {
  /** What they were read from. */
  source: string;
  convention: 'openpi' | 'lerobot';
  state: Moments;
  actions: Moments;
}

/** Whose names of the two vectors. */
const VECTORS = {
  openpi: { state: 'state', actions: 'actions' },
  lerobot: { state: 'observation.state', actions: 'action' },
} as const;

const PREPROCESSORS = ['policy_preprocessor.json', 'policy_postprocessor.json'];

const momentsSchema = z.record(z.string(), z.unknown()).transform((fields) => {
  const isVector = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((one) => typeof one === 'number');
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => isVector(value)),
  ) as Moments;
});

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
  const file = validate(fileSchema, await readJson(path), path);
  if ('norm_stats' in file) {
    const { state, actions } = (file as z.infer<typeof openpiSchema>).norm_stats;
    return { source: path, convention: 'openpi', state, actions };
  }
  const { 'observation.state': state, action } = file;
  return { source: path, convention: 'lerobot', state, actions: action };
}

/** Those of `tensors` that are statistics of `vector`: named `observation.state.mean`, and so on. */
const momentsOf = (tensors: ReadonlyMap<string, number[]>, vector: string): Moments =>
  Object.fromEntries(
    [...tensors].flatMap(([name, values]) => {
      const statistic = name.slice(vector.length + 1);
      return name.startsWith(`${vector}.`) && !statistic.includes('.') ? [[statistic, values]] : [];
    }),
  );

const fromTensors = (tensors: ReadonlyMap<string, number[]>, source: string): Statistics => ({
  source,
  convention: 'lerobot',
  state: momentsOf(tensors, VECTORS.lerobot.state),
  actions: momentsOf(tensors, VECTORS.lerobot.actions),
});

async function readStatsTensors(path: string): Promise<Map<string, number[]>> {
  const { tensors } = await loadSafetensors(path);
  const wanted = [...tensors].filter(([name]) =>
    Object.values(VECTORS.lerobot).some((vector) => name.startsWith(`${vector}.`)),
  );
  return new Map(
    wanted.flatMap(([name, tensor]) =>
      tensor.dtype.includes('F') ? [[name, [...toFloat32(tensor)]]] : [],
    ),
  );
}

const processorSchema = z.looseObject({
  steps: z.array(
    z.looseObject({
      registry_name: z.string().nullish(),
      state_file: z.string().nullish(),
      config: z.looseObject({}).nullish(),
    }),
  ),
});

/** What lerobot's preprocessor and postprocessor normalise with, which their JSON files name. */
async function fromProcessors({ folder }: Checkpoint): Promise<Statistics | undefined> {
  const tensors = new Map<string, number[]>();
  const sources: string[] = [];
  for (const name of PREPROCESSORS) {
    const path = join(folder, name);
    if (!(await isThere(path))) continue;
    const { steps } = validate(processorSchema, await readJson(path), path);
    for (const { registry_name, state_file } of steps) {
      if (!state_file || !registry_name?.endsWith('normalizer_processor')) continue;
      const file = join(folder, state_file);
      if (!(await isThere(file)))
        throw new UserError(
          `${path} keeps its statistics in ${state_file}, which is not there; fetch it too, or give --stats`,
        );
      sources.push(file);
      for (const [key, values] of await readStatsTensors(file)) {
        if (!tensors.has(key)) tensors.set(key, values);
      }
    }
  }
  return tensors.size > 0 ? fromTensors(tensors, sources[0]) : undefined;
}

/** lerobot's buffers, in which it kept statistics beside the weights until version 0.3. */
const BUFFER =
  /^(?:un)?normalize_(?:inputs|targets|outputs)\.buffer_(observation_state|action)\.(\w+)$/;

/** Whether a tensor holds statistics of lerobot's buffers. */
export const isBuffer = (name: string): boolean =>
  /^(?:un)?normalize_(?:inputs|targets|outputs)\./.test(name);

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
    ? fromTensors(tensors, `buffers in ${header.index ?? header.files[0]}`)
    : undefined;
}

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
      ? fromTensors(await readStatsTensors(file), file)
      : readStatsJson(file);
  const found =
    (await fromProcessors(checkpoint)) ??
    (await fromBuffers(checkpoint)) ??
    (await fromAssets(checkpoint));
  if (found) return found;
  throw new UserError(
    `${checkpoint.folder} has no normalisation statistics (a base policy has none of your robot). Give --stats FILE: norm_stats.json of openpi's assets, meta/stats.json of the lerobot data set that it was trained on, or the normalizer's .safetensors of a lerobot checkpoint`,
  );
}
