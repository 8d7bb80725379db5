import { access, constants, copyFile, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isThere } from '../../files/isThere.ts';
import { UserError } from '../../errors.ts';
import type { TensorSource } from '../../tensors/safetensors.ts';
import { finishReplacement, replaceFiles } from '../../files/replaceFiles.ts';
import { parseJson } from '../../validate.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { familyOf } from '../families/registry.ts';
import { adaptedVersion } from './adapter.ts';
import { ADAPTER_FILE, BUNDLE_FILES, GOLDEN_FILE, bundleFilesIn, filesOf } from './bundleFiles.ts';
import type { Bundle, BundleConfig } from './config.ts';
import { parseConfig, storedConfig } from './parseConfig.ts';
import { readAdapter } from './readAdapter.ts';
import { checkContent, checkSizes, contentOf, readWeightsRecord } from './weightsRecord.ts';

export { ADAPTER_FILE, BUNDLE_FILES, GOLDEN_FILE, filesOf } from './bundleFiles.ts';

/** Throws the error for a missing file of a bundle. */
const unreadable = (path: string) => (): never => {
  throw new UserError(
    `${path}: cannot be read. A policy bundle is a folder with ${Object.values(BUNDLE_FILES).join(', ')}; one of another family than π0 has policy.json and the files that it names.`,
  );
};

/** Reads a bundle and checks that its files are complete and consistent. Throws a `UserError`. */
export async function loadBundle(folder: string): Promise<Bundle> {
  await finishReplacement(folder);
  const configPath = join(folder, BUNDLE_FILES.config);
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
  for (const file of family.files(architecture)) {
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
  writeWhole(
    join(folder, BUNDLE_FILES.config),
    `${JSON.stringify(storedConfig(config), null, 2)}\n`,
  );

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

/** Writes a bundle: configuration, tokenizer (its JSON), weights, and the graphs that reference them. */
export const writeBundle = (
  folder: string,
  config: BundleConfig,
  tokenizer: string,
  weights: readonly TensorSource[],
): Promise<void> =>
  replaceBundle(folder, async (staging) => {
    await familyOf(config).write!(staging, config, tokenizer, weights);
    await writeConfig(staging, config);
  });

/** Copies a bundle's files into another folder, optionally with another configuration. */
export async function copyBundle(
  { folder, architecture, family: name }: Bundle,
  to: string,
  config?: BundleConfig,
): Promise<void> {
  const family = familyOf({ family: name });
  const { files, header } = await family.weights(folder, architecture);
  const stored = header ? filesOf(header) : files;
  const names = [
    BUNDLE_FILES.config,
    ...family.files(architecture),
    ...stored.map((path) => relative(folder, path)),
  ];
  await replaceBundle(to, async (staging) => {
    for (const file of names)
      await copyFile(join(folder, file), join(staging, file), constants.COPYFILE_FICLONE);
    if (config) await writeConfig(staging, config);
  });
}
