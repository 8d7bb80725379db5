import { readFile, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isThere } from '../../isThere.ts';
import { UserError } from '../../errors.ts';
import { elementCount } from '../../onnx/dim.ts';
import { writeSafetensors } from '../../onnx/safetensors.ts';
import { type ShardedHeader, readShardedHeader } from '../../onnx/shards.ts';
import { writeWhole } from '../../writeWhole.ts';
import {
  type Bundle,
  type BundleConfig,
  loadBundle,
  replaceBundle,
  writeConfig,
  writeGraphs,
} from '../bundle.ts';
import { BUNDLE_FILES, checkPlace } from '../bundleFiles.ts';
import { DTYPE_OF, convertedWeights } from '../convert.ts';
import { type PackedBits, findPacked } from '../packedWeights.ts';
import type { Pi0Config } from '../pi0/config.ts';
import { type Precision, precisionSchema } from '../precision.ts';
import { checkVocabulary } from '../tokenizer.ts';
import { weightShapes, findTensor } from '../weights.ts';
import { recordWeights } from '../weightsRecord.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { checkTensors } from './checkWeights.ts';
import { dimensionsOf, samplingOf } from './dimensions.ts';
import {
  type Choice,
  EMBODIMENTS,
  type VectorOptions,
  camerasOf,
  checkJointNames,
  embodimentTransforms,
} from './embodiments.ts';
import { type Family, familyOf } from './family.ts';
import { normalisationOf } from './normalisation.ts';
import { type Placement, placeWeights } from './placeWeights.ts';
import { readStatistics } from './statistics.ts';

export interface ImportOptions extends VectorOptions {
  out: string;
  embodiment: keyof typeof EMBODIMENTS;
  /** The robot's names, in the policy's order. */
  cameras?: string[];
  /** File of normalisation statistics, in the place of the checkpoint's. */
  stats?: string;
  tokenizer?: string;
  /** Rows of a chunk that are played. */
  execute?: number;
  /** Copy the weights in the place of linking to them. */
  copy?: boolean;
  /** What the weights are converted to; they stay as they are where absent. */
  precision?: Precision;
  /** Bits of the language model's matrices. */
  prefixBits?: PackedBits;
  /** Replace a bundle that is there. */
  force?: boolean;
}

/** What was found, chosen and written. */
export interface Imported {
  bundle: Bundle;
  family: Family;
  /** Numbers that a chunk depends on. */
  parameters: number;
  /** How many of them are stored in which type. */
  precisions: Map<string, number>;
  files: number;
  bytes: number;
  placement: Placement | 'converted';
  statistics: string;
  tokenizer: string;
  cameras: Choice<string[]>;
  adapt: Choice<boolean>;
  delta: Choice<boolean>;
  /** What the user should know of. */
  notes: string[];
}

async function checkOut(out: string, { folder }: Checkpoint, force: boolean): Promise<void> {
  if (!(await isThere(out))) return;
  if ((await realpath(out)) === (await realpath(folder)))
    throw new UserError(`--out ${out} is the checkpoint itself; name another folder`);
  await checkPlace(out, force);
}

/** The checkpoint's tokenizer or the one given, whose ids must be rows of the policy's table. */
async function readTokenizer({ folder }: Checkpoint, vocabulary: number, given?: string) {
  const path = given ?? join(folder, BUNDLE_FILES.tokenizer);
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

function measure(header: ShardedHeader, pi0: Pi0Config) {
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
const notesOf = ({ config }: Checkpoint): string[] =>
  config.resize_imgs_with_padding
    ? [
        'lerobot 0.1 to 0.3 padded images at the top and left; here they are centred, as by openpi and newer lerobot. Look at what it does before you trust it, or train it further with newer lerobot',
      ]
    : [];

/**
 * Makes a policy bundle of a published π0. Everything is checked before anything is written, and a bundle
 * that is there gives way as a whole: what was refused or interrupted has changed nothing. Throws a
 * `UserError` for a checkpoint of another family, one that is not whole, or one that leaves open what must
 * be known.
 */
export async function importPolicy(path: string, options: ImportOptions): Promise<Imported> {
  const { out, stats, execute, copy = false, force = false, prefixBits } = options;
  const checkpoint = await openCheckpoint(path);
  const { header, folder } = checkpoint;
  const family = familyOf(checkpoint);
  await checkOut(out, checkpoint, force);

  const pi0 = dimensionsOf(checkpoint, family);
  checkTensors(checkpoint, pi0);
  const embodiment = EMBODIMENTS[options.embodiment];
  checkJointNames(checkpoint, embodiment);
  const statistics = await readStatistics(checkpoint, stats);
  const normalisation = normalisationOf(checkpoint, family, embodiment, statistics);
  const cameras = camerasOf(checkpoint, embodiment, options.cameras);
  const tokenizer = await readTokenizer(checkpoint, pi0.language.vocabulary, options.tokenizer);
  const { transforms, adapt, delta } = embodimentTransforms(checkpoint, embodiment, options);
  const stored = storedPrecision(header, pi0);
  const { precision = stored } = options;
  const config: BundleConfig = {
    format: 1,
    name: basename(resolve(out)),
    description: `Imported from ${basename(resolve(folder))} with the statistics of ${basename(statistics.source)}.`,
    embodiment: embodiment.name,
    cameras: cameras.value,
    ...samplingOf(checkpoint, pi0.horizon, execute),
    precision,
    pi0,
    transforms: [...transforms, normalisation],
  };

  const placeOrConvert = async (staging: string) => {
    if (precision === stored && !prefixBits) return placeWeights(header, staging, copy);
    const weights = convertedWeights(pi0, header, { precision, prefixBits });
    await writeSafetensors(join(staging, BUNDLE_FILES.weights), weights);
    return 'converted' as const;
  };
  const placement = await replaceBundle(out, async (staging) => {
    const placed = await placeOrConvert(staging);
    await writeWhole(join(staging, BUNDLE_FILES.tokenizer), tokenizer.json);
    await writeGraphs(staging, pi0);
    await writeConfig(staging, config);
    await recordWeights(staging);
    return placed;
  });
  return {
    bundle: await loadBundle(out),
    family,
    ...measure(await readShardedHeader(join(out, BUNDLE_FILES.weights)), pi0),
    placement,
    statistics: statistics.source,
    tokenizer: tokenizer.path,
    cameras,
    adapt,
    delta,
    notes: notesOf(checkpoint),
  };
}
