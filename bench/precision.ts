import { weightShapes } from '../src/policy/families/pi0/weights.ts';
import { pi0Of } from '../test/policy/pi0Of.ts';
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessionConfigSchema } from '../src/session/session.ts';
import { readShardedHeader } from '../src/tensors/shards.ts';
import {
  GOLDEN_FILE,
  WEIGHTS_FILE,
  loadBundle,
  readFamilyFiles,
  writeBundle,
} from '../src/policy/bundle/bundle.ts';
import { type Storage, convertedWeights } from '../src/policy/paligemma/convert.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { randomWeights } from '../src/policy/families/pi0/randomWeights.ts';
import { tinyFiles } from '../src/policy/paligemma/tokenizer.ts';
import { makeGolden, verifyBundle } from '../src/policy/bundle/verification.ts';
import { goldenConfig } from '../test/policy/golden.ts';
import type { Row } from './row.ts';
import { type Bundle, configOf } from '../src/policy/bundle/config.ts';

const SESSION = sessionConfigSchema.parse({ threads: 2 });

const STORAGES: Record<string, Storage & { least: number }> = {
  float16: { precision: 'float16', least: 0.999 },
  bfloat16: { precision: 'bfloat16', least: 0.999 },
  'bfloat16, prefix of 8 bits': { precision: 'bfloat16', prefixBits: 8, least: 0.99 },
  'bfloat16, prefix of 4 bits': { precision: 'bfloat16', prefixBits: 4, least: 0.99 },
};

const bytesOf = async ({ folder }: Bundle) => (await stat(join(folder, WEIGHTS_FILE))).size / 1e6;

/** A policy in each storage: bytes, and how near its chunk comes to that of float32. */
async function storageRows(title: string, whole: Bundle, root: string): Promise<Row[]> {
  const header = await readShardedHeader(join(whole.folder, WEIGHTS_FILE));
  const files = await readFamilyFiles(whole);
  const rows: Row[] = [{ name: `${title}, float32`, value: await bytesOf(whole), unit: 'MB' }];
  for (const [name, { least, ...storage }] of Object.entries(STORAGES)) {
    const folder = join(root, name);
    const config = { ...configOf(whole), precision: storage.precision ?? whole.precision };
    await writeBundle(
      folder,
      config,
      files,
      convertedWeights(weightShapes(pi0Of(whole)), header, storage),
    );
    await copyFile(join(whole.folder, GOLDEN_FILE), join(folder, GOLDEN_FILE));
    const bundle = await loadBundle(folder);
    const { agreements } = await verifyBundle(bundle, SESSION);
    const { cosine } = agreements.find(({ stage }) => stage === 'actions')!;
    rows.push(
      { name: `  ${name}`, value: await bytesOf(bundle), unit: 'MB' },
      {
        name: '    cosine of its chunk, less than 1 by',
        value: 1 - cosine,
        unit: '',
        target: 1 - least,
        better: 'less',
      },
    );
  }
  return rows;
}

/** A middle-sized policy of random weights, with golden numbers. */
async function middleSized(folder: string): Promise<Bundle> {
  const pi0 = await goldenConfig('mid_config.json');
  const shipped = await loadBundle(packagePath('models/aloha-mini-12k'));
  const cameras: [string, ...string[]] = ['cam_high', 'cam_left_wrist'];
  const config = { ...configOf(shipped), name: 'middle', cameras, architecture: pi0 };
  await writeBundle(folder, config, tinyFiles(), randomWeights(pi0, 0));
  await makeGolden(await loadBundle(folder), SESSION);
  return loadBundle(folder);
}

/** Half precision and few bits beside float32, products in float32 as the CPU computes them. */
export async function benchPrecision(): Promise<Row[]> {
  const root = await mkdtemp(join(tmpdir(), 'nalu-precision-'));
  try {
    const trained = await loadBundle(packagePath('models/aloha-mini-12k'));
    return [
      ...(await storageRows('aloha-mini-12k, trained', trained, join(root, 'trained'))),
      ...(await storageRows('middle size, random', await middleSized(join(root, 'middle')), root)),
    ];
  } finally {
    await rm(root, { recursive: true });
  }
}
