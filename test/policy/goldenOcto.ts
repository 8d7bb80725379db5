import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OctoConfig } from '../../src/policy/families/octo/config.ts';
import { dimensionsOf } from '../../src/policy/families/octo/import/dimensions.ts';
import { octoConfigFileSchema } from '../../src/policy/families/octo/import/spec.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';

/** A tiny Octo, and what its own code computes with it (see its README.md). */
export const GOLDEN_OCTO = join(import.meta.dirname, '../../../test/golden-octo');

export const OCTO_WEIGHTS = join(GOLDEN_OCTO, 'model.safetensors');

/** The golden policy's config.json. */
export const goldenOctoJson = async () =>
  JSON.parse(await readFile(join(GOLDEN_OCTO, 'config.json'), 'utf8')) as Record<string, unknown>;

/** Dimensions of the golden policy. */
export async function goldenOcto(): Promise<OctoConfig> {
  const configPath = join(GOLDEN_OCTO, 'config.json');
  const { model } = octoConfigFileSchema.parse(await goldenOctoJson());
  return dimensionsOf({ header: await readShardedHeader(OCTO_WEIGHTS), model, configPath });
}

/** A tiny T5 encoder of an Octo. */
export const OCTO_TEXT = join(GOLDEN_OCTO, 't5');
