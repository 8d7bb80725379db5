import { type Hash, createHash } from 'node:crypto';
import { access, constants, copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../isThere.ts';
import { UserError } from '../errors.ts';
import { writeModel } from '../onnx/modelFile.ts';
import {
  type SafetensorsHeader,
  type TensorSource,
  writeSafetensors,
} from '../onnx/safetensors.ts';
import { type ShardedHeader, readShardedHeader } from '../onnx/shards.ts';
import { parseJson, validate } from '../validate.ts';
import { adaptedVersion, readAdapter } from './adapter.ts';
import { type Pi0Config, pi0ConfigSchema } from './pi0/config.ts';
import { type WeightSource, denoiseGraph, prefixGraph, sampleGraph } from './pi0/graphs.ts';
import { findPacked } from './packedWeights.ts';
import { precisionSchema } from './precision.ts';
import type { Trainable } from './trainable.ts';
import { transformsSchema } from './transforms.ts';
import { externalWeights, weightFault, weightShapes } from './weights.ts';

const fieldsSchema = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1),
  description: z.string(),
  /** Name of the embodiment that the policy's vectors are of. */
  embodiment: z.string().min(1),
  /** In the order of the prefix. */
  cameras: z.array(z.string().min(1)).nonempty(),
  /** Euler steps of a sample. */
  steps: z.int().min(1).max(1000),
  /** Rows of a chunk that are played before the next one takes over. */
  executeSteps: z.int().min(1),
  /** Rows under way, at most, that it was trained to go on from (arXiv 2512.05964); absent if none. */
  maxDelay: z.int().min(1).optional(),
  precision: precisionSchema.default('float32'),
  pi0: pi0ConfigSchema,
  transforms: transformsSchema,
});

/** The contents of `policy.json`. */
export const bundleSchema = fieldsSchema.refine(
  ({ executeSteps, pi0 }) => executeSteps <= pi0.horizon,
  { path: ['executeSteps'], error: 'is more than a chunk has rows (pi0.horizon)' },
);

export type BundleConfig = z.infer<typeof bundleSchema>;

/** A policy on disk that has been checked: every file is there and fits the others. */
export interface Bundle extends BundleConfig {
  folder: string;
  /** Changes with the weights or the configuration. */
  base: string;
  /** The base's, and the adapter's if there is one. */
  version: string;
  /** Whether matrices of its prefix are of few bits. */
  isPacked: boolean;
  /** Whether it has golden numbers; see golden.ts. */
  hasGolden: boolean;
  /** What the bundle's adapter, if it has one, gives values for. */
  trainable?: Trainable;
}

export const BUNDLE_FILES = {
  config: 'policy.json',
  weights: 'model.safetensors',
  tokenizer: 'tokenizer.json',
  sample: 'sample.onnx',
  prefix: 'prefix.onnx',
  denoise: 'denoise.onnx',
} as const;

/** Inputs, and what the policy makes of them on the CPU in float32; see golden.ts. */
export const GOLDEN_FILE = 'golden.safetensors';

/** Parameters that a bundle may hold beside its weights; see adapter.ts. */
export const ADAPTER_FILE = 'adapter.safetensors';

const GRAPHS = {
  [BUNDLE_FILES.sample]: (config: Pi0Config, source: WeightSource) =>
    sampleGraph(config, source, 'bytes'),
  [BUNDLE_FILES.prefix]: (config: Pi0Config, source: WeightSource) =>
    prefixGraph(config, source, 'bytes'),
  [BUNDLE_FILES.denoise]: denoiseGraph,
};

/** Throws what a user is told of a bundle's file that is not there. */
const unreadable = (path: string) => (): never => {
  throw new UserError(
    `${path}: cannot be read. A policy bundle is a folder with ${Object.values(BUNDLE_FILES).join(', ')}.`,
  );
};

function checkWeights(
  header: SafetensorsHeader,
  shapes: ReturnType<typeof weightShapes>,
  path: string,
): void {
  const faults = [...shapes].flatMap(([name, shape]) => weightFault(header, name, shape) ?? []);
  if (faults.length > 0) {
    throw new UserError(
      `${path} does not fit its policy.json:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
}

const SAMPLE_BYTES = 1 << 18;
const SAMPLES = 64;

async function hashBlocks(hash: Hash, path: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const block = Buffer.alloc(Math.min(SAMPLE_BYTES, size));
    for (let i = 0; i < SAMPLES; i++) {
      const position = Math.floor(((size - block.length) * i) / (SAMPLES - 1));
      await file.read(block, 0, block.length, position);
      hash.update(block);
    }
  } finally {
    await file.close();
  }
}

/** Hash of policy.json and of blocks spread through the weights: quick at any size, changed by training. */
async function contentVersion(folder: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(folder, BUNDLE_FILES.config)));
  for (const file of files) await hashBlocks(hash, file);
  return hash.digest('hex').slice(0, 12);
}

/** Reads a bundle and checks that its files are whole and fit each other. Throws a `UserError`. */
export async function loadBundle(folder: string): Promise<Bundle> {
  const configPath = join(folder, BUNDLE_FILES.config);
  const config = validate(
    bundleSchema,
    parseJson(await readFile(configPath, 'utf8').catch(unreadable(configPath)), configPath),
    configPath,
  );
  const weightsPath = join(folder, BUNDLE_FILES.weights);
  const weights = await readShardedHeader(weightsPath);
  const shapes = weightShapes(config.pi0);
  checkWeights(weights, shapes, weightsPath);
  for (const file of [BUNDLE_FILES.tokenizer, ...Object.keys(GRAPHS)]) {
    const path = join(folder, file);
    await access(path, constants.R_OK).catch(unreadable(path));
  }
  const base = await contentVersion(folder, weights.files);
  const isPacked = [...shapes.keys()].some((name) => findPacked(weights, name));
  const hasGolden = await isThere(join(folder, GOLDEN_FILE));
  const whole = { ...config, folder, base, version: base, isPacked, hasGolden };
  const adapterPath = join(folder, ADAPTER_FILE);
  if (!(await isThere(adapterPath))) return whole;
  const adapter = await readAdapter(adapterPath, { ...config, base });
  return {
    ...whole,
    version: adaptedVersion(base, adapter),
    trainable: adapter.trainable,
  };
}

/** Writes a bundle's graphs, which point into its weights. */
export async function writeGraphs(folder: string, config: Pi0Config): Promise<void> {
  const weights = join(folder, BUNDLE_FILES.weights);
  const header = await readShardedHeader(weights);
  for (const [file, build] of Object.entries(GRAPHS)) {
    const path = join(folder, file);
    await writeModel(build(config, externalWeights(header, weights, path)), path);
  }
}

/** Writes a bundle's policy.json. */
export const writeConfig = (folder: string, config: BundleConfig): Promise<void> =>
  writeFile(join(folder, BUNDLE_FILES.config), `${JSON.stringify(config, null, 2)}\n`);

/** Writes a bundle: its configuration, tokenizer (the JSON of it), weights, and the graphs that point to them. */
export async function writeBundle(
  folder: string,
  config: BundleConfig,
  tokenizer: string,
  weights: readonly TensorSource[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, BUNDLE_FILES.weights), weights);
  await writeConfig(folder, config);
  await writeFile(join(folder, BUNDLE_FILES.tokenizer), tokenizer);
  await writeGraphs(folder, config.pi0);
}

/** The files that a bundle's weights are in: one, or shards and the index that names them. */
export const filesOf = ({ files, index }: ShardedHeader): string[] =>
  index === undefined ? files : [index, ...files];

/** Copies a bundle's files into another folder. */
export async function copyBundle({ folder }: Bundle, to: string): Promise<void> {
  const weights = await readShardedHeader(join(folder, BUNDLE_FILES.weights));
  const others = Object.values(BUNDLE_FILES).filter((file) => file !== BUNDLE_FILES.weights);
  const files = [...others, ...filesOf(weights).map((path) => basename(path))];
  await mkdir(to, { recursive: true });
  for (const file of files) {
    await copyFile(join(folder, file), join(to, file), constants.COPYFILE_FICLONE);
  }
}
