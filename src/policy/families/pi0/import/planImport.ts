import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isThere } from '../../../../files/isThere.ts';
import { UserError, messageOf } from '../../../../errors.ts';
import { elementCount } from '../../../../onnx/dim.ts';
import type { ShardedHeader } from '../../../../tensors/shards.ts';
import { checkPlace } from '../../../bundle/bundlePlace.ts';
import { DTYPE_OF, type Storage } from '../../../paligemma/convert.ts';
import type { LowRank } from '../../../../tensors/lowRank.ts';
import { type PackedBits, findPacked } from '../../../paligemma/packedWeights.ts';
import type { Pi0Config } from '../config.ts';
import { sampleGraph } from '../graphs.ts';
import { type Precision, precisionSchema } from '../../../bundle/precision.ts';
import { TOKENIZER_FILE, checkVocabulary } from '../../../paligemma/tokenizer.ts';
import { externalWeights, findTensor } from '../../../paligemma/weights.ts';
import { weightShapes } from '../weights.ts';
import { camerasOf } from './cameras.ts';
import { checkFinite } from './checkFinite.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { checkTensors } from './checkWeights.ts';
import { dimensionsOf, samplingOf } from './dimensions.ts';
import type { Choice } from './choice.ts';
import type { EmbodimentName } from './embodiments.ts';
import { type Family, familyOf } from './family.ts';
import { normalisationOf } from './normalisation.ts';
import { adapt as adaptWeights } from './peft.ts';
import { checkJointNames, robotOf } from './robot.ts';
import { stateInPromptOf } from './stateInPrompt.ts';
import { readStatistics } from './statistics.ts';
import { type UnitOptions, type Units, unitsOf } from './units.ts';
import { type VectorOptions, embodimentTransforms } from './vectors.ts';
import type { BundleConfig } from '../../../bundle/config.ts';
import { configFaults } from '../../../bundle/parseConfig.ts';
import { checkConverted } from './checkWeights.ts';

export interface ImportOptions extends VectorOptions, UnitOptions {
  out: string;
  /** The weights that an adapter was trained on, where they are neither beside nor above it. */
  base?: string;
  /** The robot that it was trained for, where its files do not say it. */
  embodiment?: EmbodimentName;
  /** Whether a π0.5 was trained with the state in its prompt. */
  stateInPrompt?: boolean;
  /** The robot's names, in the policy's order. */
  cameras?: string[];
  /** File of normalisation statistics, instead of the checkpoint's. */
  stats?: string;
  tokenizer?: string;
  /** Rows of a chunk that are played. */
  execute?: number;
  /** Network calls a chunk, instead of the checkpoint's. */
  steps?: number;
  /** Copy the weights instead of linking to them. */
  copy?: boolean;
  /** What the weights are converted to; they stay as they are where absent. */
  precision?: Precision;
  /** Bits of the language model's matrices. */
  prefixBits?: PackedBits;
  /** Replace a bundle that is there. */
  force?: boolean;
}

/** What was found and chosen. */
export interface Findings {
  family: Family;
  statistics: Choice<string>;
  tokenizer: string;
  cameras: Choice<string[]>;
  robot: Choice<string>;
  /** Of a π0.5. */
  stateInPrompt?: Choice<boolean>;
  /** Of a robot for which openpi has a space of its own. */
  adapt?: Choice<boolean>;
  /** Of a robot for which lerobot has several. */
  units?: Choice<Units>;
  delta: Choice<boolean>;
  /** The adapter that is merged into the weights. */
  peft?: { folder: string; base: string; merged: number; replaced: number };
  /** The share of the weights that was looked at, all of it finite. */
  looked: number;
  /** What the user should know of. */
  notes: string[];
}

/** All that an import is to write, read and checked. */
export interface ImportPlan {
  config: BundleConfig<Pi0Config>;
  /** The JSON of it. */
  tokenizer: string;
  header: ShardedHeader;
  /** By openpi's names of the weights. */
  adapters: ReadonlyMap<string, LowRank>;
  /** What the weights are converted to; absent where they stay the files that they are. */
  storage?: Storage;
  findings: Findings;
}

async function checkOut(
  out: string,
  { folder, header, peft }: Checkpoint,
  force: boolean,
): Promise<void> {
  if (!(await isThere(out))) return;
  const own = [folder, dirname(header.files[0] ?? folder), ...(peft ? [peft.folder] : [])];
  const target = await realpath(out);
  for (const one of own) {
    if (target === (await realpath(one)))
      throw new UserError(`--out ${out} is the checkpoint itself; name another folder`);
  }
  await checkPlace(out, force);
}

/** The checkpoint's tokenizer or the one given, whose ids must be rows of the policy's table. */
async function readTokenizer({ folder }: Checkpoint, vocabulary: number, given?: string) {
  const path = given ?? join(folder, TOKENIZER_FILE);
  if (given === undefined && !(await isThere(path)))
    throw new UserError(
      `${path} is not there. Give PaliGemma's with --tokenizer FILE: it is tokenizer.json of google/paligemma-3b-pt-224 on Hugging Face`,
    );
  const json = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read`, { cause: error });
  });
  checkVocabulary(json, path, vocabulary);
  return { path, json };
}

/** How many numbers a chunk depends on, and how they are stored. */
export function measure(header: ShardedHeader, pi0: Pi0Config) {
  const precisions = new Map<string, number>();
  let parameters = 0;
  for (const [name, shape] of weightShapes(pi0)) {
    const count = elementCount(shape) as number;
    const { dtype } = findTensor(header, name) ?? findPacked(header, name)!.elements;
    parameters += count;
    precisions.set(dtype, (precisions.get(dtype) ?? 0) + count);
  }
  const bytes = [...header.tensors.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  return { parameters, precisions, bytes, files: header.files.length };
}

/** The precision in which most of a checkpoint is stored. */
function storedPrecision(header: ShardedHeader, pi0: Pi0Config): Precision {
  const [dtype] = [...measure(header, pi0).precisions].sort(([, a], [, b]) => b - a)[0];
  return precisionSchema.options.find((one) => DTYPE_OF[one] === dtype)!;
}

/** How the bundle treats what it sees otherwise than this checkpoint's training did. */
const notesOf = ({ config, notes }: Checkpoint): string[] => [
  ...notes,
  ...(config.resize_imgs_with_padding
    ? [
        'lerobot 0.1 to 0.3 padded images at the top and left; here they are centred, as by openpi and newer lerobot. Look at what it does before you trust it, or train it further with newer lerobot',
      ]
    : []),
];

/** Checks the configuration as a bundle's is when it is loaded; `said` names who has said what of it. */
function checkBundle(config: BundleConfig, said: Record<string, string>, other: string): void {
  const faults = configFaults(config);
  if (faults.length === 0) return;
  const lines = faults.map(
    ({ path, message }) => `${said[String(path[0])] ?? other}: ${path.join('.')}: ${message}`,
  );
  throw new UserError(lines.join('\n'));
}

/** Throws a `UserError` for weights of types that one operator of the policy's cannot have together. */
function checkTypes(header: ShardedHeader, pi0: Pi0Config): void {
  const [path] = header.files;
  try {
    sampleGraph(pi0, externalWeights(header, path, path), 'bytes');
  } catch (error) {
    throw new UserError(
      `${header.index ?? path}: its weights are stored in types that do not go together (${messageOf(error)}); say --precision float32, which converts them`,
      { cause: error },
    );
  }
}

/** What becomes of the weights: undefined where the bundle's are the checkpoint's own files. */
function storageOf(
  { precision, prefixBits }: ImportOptions,
  stored: Precision,
  pi0: Pi0Config,
  base: ShardedHeader,
  adapted?: ShardedHeader,
): Storage | undefined {
  const isConverted = (precision !== undefined && precision !== stored) || prefixBits !== undefined;
  if (isConverted) return { precision: precision ?? stored, prefixBits };
  // What an adapter has whole is stored as what it replaces.
  const like = { ...base, tensors: new Map([...(adapted?.tensors ?? []), ...base.tensors]) };
  checkTypes(like, pi0);
  return adapted && { precision, like };
}

/**
 * Reads a published π0 and settles all of the bundle that is to be made of it; nothing is written. Throws
 * a `UserError` for a checkpoint of another family, one that is not whole or contradicts itself, or one
 * that leaves open what must be known.
 */
export async function planImport(path: string, options: ImportOptions): Promise<ImportPlan> {
  const { out, stats, execute, force = false } = options;
  const checkpoint = await openCheckpoint(path, options);
  const { folder, configPath, peft } = checkpoint;
  const family = familyOf(checkpoint);
  await checkOut(out, checkpoint, force);
  checkConverted(checkpoint);

  const dimensions = dimensionsOf(checkpoint, family);
  const adapted = peft && (await adaptWeights(checkpoint.header, peft, dimensions));
  const { header = checkpoint.header, adapters = new Map<string, LowRank>() } = adapted ?? {};
  checkTensors({ ...checkpoint, header }, dimensions);
  const statistics = await readStatistics(checkpoint, stats);
  const robot = robotOf(checkpoint, statistics, options.embodiment);
  const embodiment = robot.value;
  checkJointNames(checkpoint, embodiment);
  const stateInPrompt = stateInPromptOf(checkpoint, family, embodiment, options.stateInPrompt);
  const pi0 = { ...dimensions, ...(stateInPrompt?.value === false && { stateInPrompt: false }) };
  const normalisation = normalisationOf(checkpoint, family, embodiment, statistics);
  const cameras = camerasOf(checkpoint, embodiment, options.cameras);
  const tokenizer = await readTokenizer(checkpoint, pi0.language.vocabulary, options.tokenizer);
  const { transforms, adapt, delta } = embodimentTransforms(checkpoint, embodiment, options);
  const units = await unitsOf(checkpoint, embodiment, options);
  const stored = storedPrecision(header, pi0);
  const config: BundleConfig<Pi0Config> = {
    format: 1,
    name: basename(resolve(out)),
    description: `Imported from ${basename(resolve(folder))} with the statistics of ${basename(statistics.source)}.`,
    embodiment: embodiment.name,
    cameras: cameras.value,
    ...samplingOf(checkpoint, pi0.horizon, { execute, steps: options.steps }),
    precision: options.precision ?? stored,
    family: 'pi0',
    architecture: pi0,
    transforms: [...(units?.value.steps ?? []), ...transforms, normalisation.value],
  };
  checkBundle(
    config,
    { cameras: cameras.by, transforms: statistics.source, name: `--out ${out}` },
    configPath,
  );
  const looked = await checkFinite(header, pi0);
  return {
    config,
    tokenizer: tokenizer.json,
    header,
    adapters,
    storage: storageOf(options, stored, pi0, checkpoint.header, adapted?.header),
    findings: {
      family,
      statistics: { value: statistics.source, by: normalisation.by },
      tokenizer: tokenizer.path,
      cameras,
      robot: { value: embodiment.name, by: robot.by },
      stateInPrompt,
      adapt,
      units: units && { value: units.value.units, by: units.by },
      delta,
      peft: adapted && {
        folder: peft.folder,
        base: checkpoint.header.index ?? checkpoint.header.files[0],
        merged: adapters.size,
        replaced: adapted.replaced,
      },
      looked,
      notes: notesOf(checkpoint),
    },
  };
}
