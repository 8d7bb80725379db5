import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isThere } from '../../files/isThere.ts';
import { UserError, messageOf } from '../../errors.ts';
import { type Shape, elementCount } from '../../onnx/dim.ts';
import type { ShardedHeader } from '../../tensors/shards.ts';
import { checkPlace } from '../bundle/bundlePlace.ts';
import { DTYPE_OF, type Storage } from '../paligemma/convert.ts';
import type { WeightSource } from '../paligemma/network.ts';
import type { LowRank } from '../../tensors/lowRank.ts';
import { findPacked } from '../paligemma/packedWeights.ts';
import { type Precision, precisionSchema } from '../bundle/precision.ts';
import { TOKENIZER_FILE, type TokenizerKind, checkVocabulary } from '../paligemma/tokenizer.ts';
import { externalWeights, findTensor } from '../paligemma/weights.ts';
import { checkFinite } from './checkFinite.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { checkTensors } from './checkWeights.ts';
import { executeStepsOf } from './dimensions.ts';
import type { Choice } from './choice.ts';
import { type Family, familyOf } from './family.ts';
import { adapt as adaptWeights } from './peft.ts';
import { type RobotVectors, robotVectors } from './robotVectors.ts';
import type { CheckpointKind } from './kind.ts';
import type { ImportOptions } from './options.ts';
import type { BundleConfig } from '../bundle/config.ts';
import { configFaults } from '../bundle/parseConfig.ts';
import { checkConverted } from './checkWeights.ts';

/** What was found and chosen. */
export interface Findings extends Pick<RobotVectors, 'statistics' | 'cameras' | 'adapt' | 'units'> {
  /** As `titleOf` knows it. */
  family: string;
  /** Of a robot whose actions may be relative to its state. */
  delta?: Choice<boolean>;
  /** Of a family that reads prompts. */
  tokenizer?: string;
  /** Of a family that writes actions as tokens. */
  actionTokenizer?: string;
  robot: Choice<string>;
  /** Of a π0.5. */
  stateInPrompt?: Choice<boolean>;
  /** The adapter that is merged into the weights. */
  peft?: { folder: string; base: string; merged: number; replaced: number };
  /** The share of the weights that was looked at, all of it finite. */
  looked: number;
  /** What the user should know of. */
  notes: string[];
}

/** All that an import is to write, read and checked. */
export interface ImportPlan {
  config: BundleConfig;
  shapes: ReadonlyMap<string, Shape>;
  /** Text files beside the weights, by name. */
  files: Record<string, string>;
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
      throw new UserError(`--out ${out} is the checkpoint itself; name another folder`, {
        kind: 'invalid',
        subject: out,
        fields: ['--out'],
      });
  }
  await checkPlace(out, force);
}

/** The checkpoint's tokenizer or the one given, whose ids must be rows of the policy's table. */
async function readTokenizer(
  { folder }: Checkpoint,
  kind: TokenizerKind,
  sizes: { vocabulary: number; textVocabulary?: number },
  given?: string,
) {
  const path = given ?? join(folder, TOKENIZER_FILE);
  if (given === undefined && !(await isThere(path)))
    throw new UserError(
      `${path} is not there. Give ${kind.whose} with --tokenizer FILE: it is tokenizer.json of ${kind.repository} on Hugging Face`,
      { kind: 'missing', subject: path, fields: ['--tokenizer'] },
    );
  const json = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read`, { cause: error });
  });
  checkVocabulary(json, path, sizes, kind);
  return { path, json };
}

/** How many numbers a chunk depends on, and how they are stored. */
export function measure(header: ShardedHeader, shapes: ReadonlyMap<string, Shape>) {
  const precisions = new Map<string, number>();
  let parameters = 0;
  for (const [name, shape] of shapes) {
    const count = elementCount(shape) as number;
    const { dtype } = findTensor(header, name) ?? findPacked(header, name)!.elements;
    parameters += count;
    precisions.set(dtype, (precisions.get(dtype) ?? 0) + count);
  }
  const bytes = [...header.tensors.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  return { parameters, precisions, bytes, files: header.files.length };
}

/** The precision in which most of a checkpoint is stored. */
function storedPrecision(header: ShardedHeader, shapes: ReadonlyMap<string, Shape>): Precision {
  const [dtype] = [...measure(header, shapes).precisions].sort(([, a], [, b]) => b - a)[0];
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
  throw new UserError(lines.join('\n'), {
    kind: 'invalid',
    fields: faults.map(({ path }) => path.join('.')),
  });
}

/** Throws a `UserError` for weights of types that one operator of the policy's cannot have together. */
function checkTypes(header: ShardedHeader, build: (source: WeightSource) => unknown): void {
  const [path] = header.files;
  try {
    build(externalWeights(header, path, path));
  } catch (error) {
    throw new UserError(
      `${header.index ?? path}: its weights are stored in types that do not go together (${messageOf(error)}); say --precision float32, which converts them`,
      { cause: error, kind: 'unsaid', subject: header.index ?? path, fields: ['--precision'] },
    );
  }
}

/** Whether a file holds tensors otherwise than policies read them. */
const isArranged = ({ tensors }: ShardedHeader) =>
  [...tensors.values()].some(({ arrangement }) => arrangement !== undefined);

/** What becomes of the weights: undefined where the bundle's are the checkpoint's own files. */
function storageOf(
  { precision, prefixBits }: ImportOptions,
  stored: Precision,
  build: (source: WeightSource) => unknown,
  base: ShardedHeader,
  adapted?: ShardedHeader,
): Storage | undefined {
  const isConverted = (precision !== undefined && precision !== stored) || prefixBits !== undefined;
  if (isConverted) return { precision: precision ?? stored, prefixBits };
  // What an adapter has whole is stored as what it replaces.
  const like = { ...base, tensors: new Map([...(adapted?.tensors ?? []), ...base.tensors]) };
  checkTypes(like, build);
  return adapted || isArranged(base) ? { precision, like } : undefined;
}

/** The kind that reads a family of checkpoints. */
function kindOf(kinds: readonly CheckpointKind[], family: Family): CheckpointKind {
  const kind = kinds.find(({ reads }) => family in reads);
  if (!kind) throw new Error(`nobody reads checkpoints of the family ${family}`);
  return kind;
}

/** A checkpoint's weights, with its adapter if it has one, all of which must be there. */
async function weightsOf(checkpoint: Checkpoint, kind: CheckpointKind, dimensions: unknown) {
  const { header: base, peft } = checkpoint;
  const shapes = kind.shapes(dimensions);
  const needed = { shapes, unused: kind.unused(dimensions), title: kind.title };
  const adapted = peft && (await adaptWeights(base, peft, needed));
  const { header = base, adapters = new Map<string, LowRank>() } = adapted ?? {};
  checkTensors({ ...checkpoint, header }, needed);
  const merged = adapted && {
    folder: peft.folder,
    base: base.index ?? base.files[0],
    merged: adapters.size,
    replaced: adapted.replaced,
  };
  return { shapes, header, adapters, merged };
}

/**
 * Reads a published policy and settles all of the bundle that is to be made of it; nothing is written. Throws
 * a `UserError` for a checkpoint of another family, one that is not whole or contradicts itself, or one
 * that leaves open what must be known.
 */
export async function planImport(
  kinds: readonly CheckpointKind[],
  path: string,
  options: ImportOptions,
): Promise<ImportPlan> {
  const { out, execute, force = false } = options;
  const checkpoint = await openCheckpoint(path, options);
  const { folder, configPath } = checkpoint;
  const family = familyOf(checkpoint);
  const kind = kindOf(kinds, family);
  await checkOut(out, checkpoint, force);
  checkConverted(checkpoint);

  const dimensions = await kind.dimensions(checkpoint, family, options);
  const weights = await weightsOf(checkpoint, kind, dimensions);
  const { shapes, header } = weights;
  const { robot, transforms, ...said } = kind.vectors
    ? await kind.vectors(checkpoint, options)
    : await robotVectors(checkpoint, family, kind.reads[family]!, options);
  const embodiment = robot.value;
  const completed = await kind.complete(checkpoint, family, dimensions, embodiment, options);
  const { architecture, files = {}, stateInPrompt } = completed;
  const sizes = kind.sizes(architecture);
  const tokenizer = await readTokenizer(checkpoint, kind.tokenizer, sizes, options.tokenizer);
  const stored = storedPrecision(header, shapes);
  const config: BundleConfig = {
    format: 1,
    name: basename(resolve(out)),
    description: `Imported from ${basename(resolve(folder))} with the statistics of ${basename(said.statistics.value)}.`,
    embodiment: embodiment.name,
    cameras: said.cameras.value,
    ...kind.flow?.(checkpoint, options),
    executeSteps: executeStepsOf(checkpoint, sizes.horizon, execute),
    precision: options.precision ?? stored,
    family: kind.name,
    architecture,
    transforms,
  };
  checkBundle(
    config,
    { cameras: said.cameras.by, transforms: said.statistics.value, name: `--out ${out}` },
    configPath,
  );
  const looked = await checkFinite(header, shapes);
  const build = (source: WeightSource) => kind.graph(architecture, source);
  const texts = Object.entries(files).map(([name, { text }]) => [name, text] as const);
  return {
    config,
    shapes,
    files: { [TOKENIZER_FILE]: tokenizer.json, ...Object.fromEntries(texts) },
    header,
    adapters: weights.adapters,
    storage: storageOf(options, stored, build, checkpoint.header, weights.merged && header),
    findings: {
      family,
      tokenizer: tokenizer.path,
      actionTokenizer: Object.values(files).at(0)?.path,
      ...said,
      robot: { value: embodiment.name, by: robot.by },
      stateInPrompt,
      peft: weights.merged,
      looked,
      notes: notesOf(checkpoint),
    },
  };
}
