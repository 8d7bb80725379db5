import { join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../../files/isThere.ts';
import { UserError, listed } from '../../errors.ts';
import { formatShape, sameShape } from '../../onnx/dim.ts';
import { findNonFinite } from '../../tensors/finite.ts';
import { type TensorEntry, loadTensors, readSafetensorsHeader } from '../../tensors/safetensors.ts';
import { readJson, validate } from '../../validate.ts';
import type { LowRank } from '../../tensors/lowRank.ts';
import type { Needed } from './neededTensors.ts';
import { isMisplaced, isTied, plainlyNamed, storedNames } from '../paligemma/weightNames.ts';
import { storedName } from '../paligemma/weights.ts';
import type { ShardedHeader } from '../../tensors/shards.ts';

/** What PEFT writes. */
export const PEFT_FILES = {
  config: 'adapter_config.json',
  weights: 'adapter_model.safetensors',
  pickled: 'adapter_model.bin',
} as const;

/** The rest of an `adapter_config.json` changes only how it was trained. */
const IRRELEVANT = new Set([
  'task_type',
  'inference_mode',
  'auto_mapping',
  'peft_version',
  'revision',
  'base_model_class',
  'parent_library',
  'lora_dropout',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'layers_pattern',
  // π0 has linear layers alone, for which PEFT puts it off.
  'fan_in_fan_out',
  // Biases lie in the file where they were trained.
  'bias',
  'megatron_config',
  'megatron_core',
  'runtime_config',
  'ensure_weight_tying',
  // Ways to begin, told by init_lora_weights.
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'loftq_config',
  // Says nothing without use_qalora.
  'qalora_group_size',
]);

/** Ways to begin that leave the base's weights as they were. */
const INITIALISATIONS = [true, false, 'gaussian', 'orthogonal', 'eva'];

const factors = z.record(z.string(), z.number().positive()).nullish();

const configSchema = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().min(1).nullish(),
  lora_alpha: z.number().positive().nullish(),
  rank_pattern: factors,
  alpha_pattern: factors,
  use_rslora: z.boolean().nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
});

type PeftConfig = z.infer<typeof configSchema>;

/** PEFT's own, of both rank and alpha. */
const DEFAULT = 8;

/** An adapter of PEFT's as it was found on disk. */
export interface PeftAdapter {
  folder: string;
  /** Path or name of what it was trained on, as it says. */
  trainedOn?: string;
  config: PeftConfig;
  configPath: string;
  /** Its tensors by their plain names, and the name of the module that PEFT knows each by. */
  tensors: ReadonlyMap<string, TensorEntry>;
  modules: ReadonlyMap<string, string>;
}

const MERGE = "Merge it in Python (PEFT's merge_and_unload), save the policy and import that";

/** Whether a field of the configuration is as if it were not there. */
const isOff = (value: unknown) =>
  value === null ||
  value === undefined ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** Throws a `UserError` for an adapter that is more than B·A on top of the base's weights. */
function checkKind(config: PeftConfig, path: string): void {
  if (config.peft_type.toUpperCase() !== 'LORA')
    throw new UserError(`${path}: peft_type is ${config.peft_type}; Nalu merges LORA. ${MERGE}`, {
      kind: 'unsupported',
      subject: path,
      fields: ['peft_type'],
    });
  const { init_lora_weights: beginning } = config;
  if (beginning !== null && beginning !== undefined && !INITIALISATIONS.includes(beginning))
    throw new UserError(
      `${path}: init_lora_weights is ${beginning}, which has changed the weights of the base too. ${MERGE}`,
      { kind: 'unsupported', subject: path, fields: ['init_lora_weights'] },
    );
  const other = Object.entries(config).find(
    ([field, value]) => !(field in configSchema.shape) && !IRRELEVANT.has(field) && !isOff(value),
  );
  if (other)
    throw new UserError(
      `${path}: ${other[0]} is ${JSON.stringify(other[1])}, which Nalu does not merge. ${MERGE}`,
      { kind: 'unsupported', subject: path, fields: [other[0]] },
    );
}

/** What PEFT puts before all names. */
const PREFIX = 'base_model.model.';
/** What it puts between a module and its weight. */
const INSERTED =
  /\.(?:base_layer|modules_to_save(?:\.(?!weight$|bias$)[^.]+)?)(?=\.(?:weight|bias)$)/;

/** Reads an adapter's configuration and where its tensors are. Throws a `UserError` for one that cannot be merged. */
export async function readPeft(folder: string): Promise<PeftAdapter> {
  const path = join(folder, PEFT_FILES.weights);
  if (!(await isThere(path)))
    throw new UserError(
      (await isThere(join(folder, PEFT_FILES.pickled)))
        ? `${join(folder, PEFT_FILES.pickled)} is pickled. Save the adapter as safetensors in Python (PEFT's save_pretrained)`
        : `${path} is not there, but ${PEFT_FILES.config} is; fetch it too`,
      { kind: 'missing', subject: path },
    );
  const configPath = join(folder, PEFT_FILES.config);
  if (!(await isThere(configPath)))
    throw new UserError(
      `${configPath} is not there, which says how much of ${PEFT_FILES.weights} is to be added; fetch it too`,
      { kind: 'missing', subject: configPath },
    );
  const config = validate(configSchema, await readJson(configPath), configPath);
  checkKind(config, configPath);
  const { tensors } = await readSafetensorsHeader(path);
  const misplaced = [...tensors.keys()].filter(isMisplaced);
  if (misplaced.length > 0)
    throw new UserError(
      `${path} has weights that belong to no module of a π0; name them as PEFT does, ${PREFIX}model. and the module:${listed(misplaced)}`,
      { kind: 'invalid', subject: path, fields: misplaced },
    );
  const plain = plainlyNamed(tensors);
  const [stored, names] = [[...tensors.keys()], [...plain.keys()]];
  return {
    folder,
    trainedOn: config.base_model_name_or_path ?? undefined,
    config,
    configPath,
    tensors: new Map([...plain].map(([name, entry]) => [name.replace(INSERTED, ''), entry])),
    modules: new Map(
      names.map((name, i) => [
        name,
        stored[i].startsWith(PREFIX) ? stored[i].slice(PREFIX.length) : stored[i],
      ]),
    ),
  };
}

/** Names of a module's two matrices: of a linear layer, or of a table. */
const LINEAR = /^(.+)\.lora_([AB])(?:\.(?!weight$)[^.]+)?\.weight$/;
const EMBEDDING = /^(.+)\.lora_embedding_([AB])(?:\.[^.]+)?$/;

interface Pair {
  A?: string;
  B?: string;
  isEmbedding: boolean;
}

/** A module's setting: of the first pattern that its name ends with, else of all. */
function settingOf(
  patterns: Record<string, number> | null | undefined,
  module: string,
  usual: number,
  path: string,
): number {
  for (const [pattern, value] of Object.entries(patterns ?? {})) {
    try {
      if (new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(module)) return value;
    } catch (error) {
      throw new UserError(`${path}: ${pattern} is no regular expression that Nalu can read`, {
        cause: error,
        kind: 'invalid',
        subject: path,
        fields: [pattern],
      });
    }
  }
  return usual;
}

/** An adapter's matrices by their module, and the tensors that take the place of the base's. */
function sort({ tensors, folder }: PeftAdapter) {
  const pairs = new Map<string, Pair>();
  const whole: string[] = [];
  const faults: string[] = [];
  for (const name of tensors.keys()) {
    const [, module, which] = LINEAR.exec(name) ?? EMBEDDING.exec(name) ?? [];
    if (module === undefined) {
      if (name.includes('lora_')) faults.push(`${name} is no matrix of a plain LoRA`);
      else whole.push(name);
      continue;
    }
    const pair: Pair = pairs.get(module) ?? { isEmbedding: EMBEDDING.test(name) };
    if (pair[which as 'A' | 'B'] !== undefined) faults.push(`${module} has two adapters`);
    pair[which as 'A' | 'B'] = name;
    pairs.set(module, pair);
  }
  for (const [module, { A, B }] of pairs) {
    if (A === undefined || B === undefined)
      faults.push(`${module} has no lora_${A === undefined ? 'A' : 'B'}`);
  }
  if (pairs.size + whole.length === 0) faults.push('it holds no tensor');
  if (faults.length > 0)
    throw new UserError(
      `${join(folder, PEFT_FILES.weights)} cannot be merged. ${MERGE}:${listed(faults)}`,
      { kind: 'unsupported', subject: join(folder, PEFT_FILES.weights) },
    );
  return { pairs, whole };
}

/** One module's adapter, or what is wrong with it. */
function lowRankOf(peft: PeftAdapter, pair: Pair, shape: readonly number[]) {
  const { tensors, modules, config, configPath } = peft;
  const [A, B] = [tensors.get(pair.A!)!, tensors.get(pair.B!)!];
  const known = modules.get(pair.A!)!.replace(/\.lora_(?:embedding_)?A.*$/, '');
  const rank = settingOf(config.rank_pattern, known, config.r ?? DEFAULT, configPath);
  const alpha = settingOf(config.alpha_pattern, known, config.lora_alpha ?? DEFAULT, configPath);
  const [rows, ...columns] = shape;
  const expected = pair.isEmbedding
    ? { A: [rank, rows], B: [columns[0], rank] }
    : { A: [rank, ...columns], B: [rows, rank, ...columns.slice(1).map(() => 1)] };
  for (const [name, entry, wanted] of [
    [pair.A!, A, expected.A],
    [pair.B!, B, expected.B],
  ] as const) {
    if (!sameShape(entry.shape, wanted))
      return `${name} is ${formatShape(entry.shape)}, ${PEFT_FILES.config} and the base make it ${formatShape(wanted)}`;
    if (!['F32', 'F16', 'BF16'].includes(entry.dtype)) return `${name} holds ${entry.dtype}`;
  }
  const adapter: LowRank = {
    down: pair.isEmbedding ? B : A,
    up: pair.isEmbedding ? A : B,
    rank,
    scale: alpha / (config.use_rslora ? Math.sqrt(rank) : rank),
    isEmbedding: pair.isEmbedding,
  };
  return adapter;
}

/** A checkpoint's weights with the whole tensors of its adapter, and the adapters of the others. */
export interface Adapted {
  header: ShardedHeader;
  /** By openpi's names. */
  adapters: Map<string, LowRank>;
  /** How many whole tensors were taken. */
  replaced: number;
}

/**
 * What an adapter makes of a checkpoint's weights. Throws a `UserError` with all of it that belongs to
 * none of them, has another shape, or is not finite.
 */
export async function adapt(
  header: ShardedHeader,
  peft: PeftAdapter,
  { shapes, unused }: Pick<Needed, 'shapes' | 'unused'>,
): Promise<Adapted> {
  const { pairs, whole } = sort(peft);
  const tensors = new Map(header.tensors);
  const adapters = new Map<string, LowRank>();
  const left = new Set([...pairs.keys(), ...whole]);
  const faults: string[] = [];
  for (const [name, shape] of shapes) {
    // An adapter of the output layer is none of the table, even where the two share their memory.
    for (const candidate of storedNames(name).filter((one) => isTied(name) || !isTied(one))) {
      const module = candidate.replace(/\.weight$/, '');
      const pair = pairs.get(module);
      if (pair && left.delete(module)) {
        const adapter = lowRankOf(peft, pair, shape as number[]);
        if (typeof adapter === 'string') faults.push(adapter);
        else adapters.set(name, adapter);
      }
      if (left.delete(candidate)) {
        const entry = peft.tensors.get(candidate)!;
        if (sameShape(entry.shape, shape)) tensors.set(storedName(header, name) ?? name, entry);
        else
          faults.push(
            `${candidate} is ${formatShape(entry.shape)}, the base makes it ${formatShape(shape)}`,
          );
      }
    }
  }
  const surplus = [...left].filter(
    (name) => !unused.some((one) => one.test(pairs.has(name) ? `${name}.weight` : name)),
  );
  faults.push(...surplus.map((name) => `${name} is none of the base's modules`));
  const absent = (peft.config.modules_to_save ?? []).filter(
    (module) => ![...peft.tensors.keys()].some((name) => `.${name}`.includes(`.${module}.`)),
  );
  faults.push(...absent.map((module) => `${module} is in modules_to_save, but has no tensor`));
  if (faults.length === 0) faults.push(...(await notFinite(peft)));
  if (faults.length > 0)
    throw new UserError(
      `${join(peft.folder, PEFT_FILES.weights)} does not fit ${header.files[0]}:${listed(faults)}`,
      { kind: 'mismatch', subject: join(peft.folder, PEFT_FILES.weights) },
    );
  return {
    header: { ...header, tensors },
    adapters,
    replaced: whole.length,
  };
}

async function notFinite({ tensors }: PeftAdapter): Promise<string[]> {
  const names = [...tensors.keys()];
  const loaded = await loadTensors([...tensors.values()]);
  return names.flatMap((name, i) => {
    const wrong = findNonFinite(loaded[i]);
    return wrong < 0 ? [] : [`${name} is not finite at element ${wrong}`];
  });
}
