import { access, constants, copyFile, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { isThere } from '../../files/isThere.ts';
import { UserError, invalid } from '../../errors.ts';
import { type TensorSource, writeSafetensors } from '../../tensors/safetensors.ts';
import { finishReplacement, replaceFiles } from '../../files/replaceFiles.ts';
import { parseJson } from '../../validate.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { familyOf, textFilesOf } from '../families/registry.ts';
import { adaptedVersion } from './adapter.ts';
import { ADAPTER_FILE, CONFIG_FILE, GOLDEN_FILE, WEIGHTS_FILE, filesOf } from './bundleFiles.ts';
import { bundleFilesIn } from './bundlePlace.ts';
import type { Bundle, BundleConfig } from './config.ts';
import { parseConfig, storedConfig } from './parseConfig.ts';
import { readAdapter } from './readAdapter.ts';
import { checkContent, checkSizes, contentOf, readWeightsRecord } from './weightsRecord.ts';

export { ADAPTER_FILE, CONFIG_FILE, GOLDEN_FILE, WEIGHTS_FILE } from './bundleFiles.ts';

/** Throws the error for a missing file of a bundle. */
const unreadable = (path: string) => (): never => {
  throw new UserError(
    `${path}: cannot be read. A policy bundle is a folder with ${CONFIG_FILE}, the policy's weights and the other files of its family.`,
    { kind: 'missing', subject: path },
  );
};

/** Reads a bundle and checks that its files are complete and consistent. Throws a `UserError`. */
export async function loadBundle(folder: string): Promise<Bundle> {
  await finishReplacement(folder);
  if (basename(folder) === CONFIG_FILE && !(await isThere(join(folder, CONFIG_FILE))))
    throw invalid(folder, `give the bundle's folder, ${dirname(folder)}`);
  const configPath = join(folder, CONFIG_FILE);
  const text = await readFile(configPath, 'utf8').catch(unreadable(configPath));
  const config = parseConfig(parseJson(text, configPath), configPath);
  const { architecture, cameras } = config;
  const family = familyOf(config);
  const record = await readWeightsRecord(folder);
  if (record) await checkSizes(folder, record);
  const weights = await family.weights(folder, architecture);
  const content = await contentOf(folder, weights.files);
  if (record && weights.header) await checkContent(folder, record, weights.header, content);
  const checked = await family.check(folder, config, weights);
  for (const file of textFilesOf(config)) {
    const path = join(folder, file);
    await access(path, constants.R_OK).catch(unreadable(path));
  }
  const base = content.version;
  const whole: Bundle = {
    ...config,
    ...checked,
    folder,
    base,
    version: base,
    shape: family.shape(architecture, cameras),
    hasGolden: await isThere(join(folder, GOLDEN_FILE)),
  };
  const adapterPath = join(folder, ADAPTER_FILE);
  if (!(await isThere(adapterPath))) return whole;
  const adapter = await readAdapter(adapterPath, whole);
  return {
    ...whole,
    version: adaptedVersion(base, adapter),
    trainable: adapter.trainable,
  };
}

/** Writes a bundle's policy.json. */
export const writeConfig = (folder: string, config: BundleConfig): Promise<void> =>
  writeWhole(join(folder, CONFIG_FILE), `${JSON.stringify(storedConfig(config), null, 2)}\n`);

/**
 * Writes a bundle with `make` and moves it into a folder atomically, replacing an existing one. Nothing
 * changes until the new bundle has been read back and checked. Other files in the folder stay.
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

/** The contents of the files that a bundle has beside its configuration and weights, by name. */
export type FamilyFiles = Readonly<Record<string, string>>;

/** Reads the files that a family keeps beside a bundle's configuration and weights. */
export async function readFamilyFiles(
  bundle: Pick<Bundle, 'folder' | 'family' | 'architecture'>,
): Promise<FamilyFiles> {
  const files = textFilesOf(bundle);
  const paths = files.map((file) => join(bundle.folder, file));
  const contents = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return Object.fromEntries(files.map((file, i) => [file, contents[i]]));
}

/** Writes a bundle of a family that keeps its weights in safetensors. */
export const writeBundle = (
  folder: string,
  config: BundleConfig,
  files: FamilyFiles,
  weights: readonly TensorSource[],
): Promise<void> =>
  replaceBundle(folder, async (staging) => {
    await writeSafetensors(join(staging, WEIGHTS_FILE), weights);
    for (const [file, content] of Object.entries(files))
      await writeWhole(join(staging, file), content);
    await writeConfig(staging, config);
  });

/** The files of a bundle's own content, relative to its folder: without its adapter, and what is derived from them. */
export async function contentFiles(
  bundle: Pick<Bundle, 'folder' | 'architecture' | 'family'>,
): Promise<string[]> {
  const { folder, architecture } = bundle;
  const { files, header } = await familyOf(bundle).weights(folder, architecture);
  const stored = header ? filesOf(header) : files;
  return [CONFIG_FILE, ...textFilesOf(bundle), ...stored.map((path) => relative(folder, path))];
}

/** Copies a bundle's files into another folder, optionally with another configuration. */
export async function copyBundle(bundle: Bundle, to: string, config?: BundleConfig): Promise<void> {
  const names = await contentFiles(bundle);
  await replaceBundle(to, async (staging) => {
    for (const file of names)
      await copyFile(join(bundle.folder, file), join(staging, file), constants.COPYFILE_FICLONE);
    if (config) await writeConfig(staging, config);
  });
}
