import { access, constants, copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isThere } from '../../files/isThere.ts';
import { UserError } from '../../errors.ts';
import { writeModel } from '../../onnx/modelFile.ts';
import {
  type SafetensorsHeader,
  type TensorSource,
  writeSafetensors,
} from '../../tensors/safetensors.ts';
import { readShardedHeader } from '../../tensors/shards.ts';
import { finishReplacement, replaceFiles } from '../../files/replaceFiles.ts';
import { parseJson, validate } from '../../validate.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { adaptedVersion, readAdapter } from './adapter.ts';
import { ADAPTER_FILE, BUNDLE_FILES, GOLDEN_FILE, bundleFilesIn, filesOf } from './bundleFiles.ts';
import type { Pi0Config } from '../families/pi0/config.ts';
import { denoiseGraph, prefixGraph, sampleGraph } from '../families/pi0/graphs.ts';
import { findPacked } from '../families/pi0/packedWeights.ts';
import { type Bundle, type BundleConfig, bundleSchema } from './config.ts';
import { externalWeights, weightFault, weightShapes } from '../families/pi0/weights.ts';
import { checkContent, checkSizes, contentOf, readWeightsRecord } from './weightsRecord.ts';
import { type WeightSource } from '../families/pi0/network.ts';

export { ADAPTER_FILE, BUNDLE_FILES, GOLDEN_FILE, filesOf } from './bundleFiles.ts';

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

/** Reads a bundle and checks that its files are whole and fit each other. Throws a `UserError`. */
export async function loadBundle(folder: string): Promise<Bundle> {
  await finishReplacement(folder);
  const configPath = join(folder, BUNDLE_FILES.config);
  const config = validate(
    bundleSchema,
    parseJson(await readFile(configPath, 'utf8').catch(unreadable(configPath)), configPath),
    configPath,
  );
  const weightsPath = join(folder, BUNDLE_FILES.weights);
  const record = await readWeightsRecord(folder);
  if (record) await checkSizes(folder, record);
  const weights = await readShardedHeader(weightsPath);
  const content = await contentOf(folder, weights.files);
  if (record) await checkContent(folder, record, weights, content);
  const shapes = weightShapes(config.pi0);
  checkWeights(weights, shapes, weightsPath);
  for (const file of [BUNDLE_FILES.tokenizer, ...Object.keys(GRAPHS)]) {
    const path = join(folder, file);
    await access(path, constants.R_OK).catch(unreadable(path));
  }
  const base = content.version;
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
  writeWhole(join(folder, BUNDLE_FILES.config), `${JSON.stringify(config, null, 2)}\n`);

/**
 * Puts a bundle that `make` writes into a folder, in the place of one that is there, whole: before it is
 * read and found right nothing has changed. What else lies in the folder stays.
 */
export const replaceBundle = <T>(
  folder: string,
  make: (staging: string) => Promise<T>,
): Promise<T> =>
  replaceFiles(
    folder,
    async (staging) => {
      const made = await make(staging);
      await loadBundle(staging);
      return made;
    },
    () => bundleFilesIn(folder),
  );

/** Writes a bundle: its configuration, tokenizer (the JSON of it), weights, and the graphs that point to them. */
export const writeBundle = (
  folder: string,
  config: BundleConfig,
  tokenizer: string,
  weights: readonly TensorSource[],
): Promise<void> =>
  replaceBundle(folder, async (staging) => {
    await writeSafetensors(join(staging, BUNDLE_FILES.weights), weights);
    await writeConfig(staging, config);
    await writeWhole(join(staging, BUNDLE_FILES.tokenizer), tokenizer);
    await writeGraphs(staging, config.pi0);
  });

/** Copies a bundle's files into another folder, there with another configuration where one is given. */
export async function copyBundle(
  { folder }: Bundle,
  to: string,
  config?: BundleConfig,
): Promise<void> {
  const weights = await readShardedHeader(join(folder, BUNDLE_FILES.weights));
  const others = Object.values(BUNDLE_FILES).filter((file) => file !== BUNDLE_FILES.weights);
  const files = [...others, ...filesOf(weights).map((path) => basename(path))];
  await replaceBundle(to, async (staging) => {
    for (const file of files)
      await copyFile(join(folder, file), join(staging, file), constants.COPYFILE_FICLONE);
    if (config) await writeConfig(staging, config);
  });
}
