import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError, codeOf, listed } from '../errors.ts';
import { parseJson, validate } from '../validate.ts';
import { type SafetensorsHeader, readSafetensorsHeader } from './safetensors.ts';
import { unreadable } from '../systemErrors.ts';

/** The combined contents of one or several safetensors files. */
export interface ShardedHeader extends SafetensorsHeader {
  /** The safetensors files. */
  files: string[];
  /** The index of the shards; undefined for a single file. */
  index?: string;
}

/** Hugging Face's `model.safetensors.index.json`: maps each tensor to its file in the same folder. */
const indexSchema = z.looseObject({
  weight_map: z.record(
    z.string(),
    z.string().refine((file) => basename(file) === file && file.endsWith('.safetensors'), {
      error: 'is no name of a .safetensors file beside the index',
    }),
  ),
});

/** Path of the shard index that belongs to a model's file. */
export const indexOf = (path: string): string => `${path}.index.json`;

async function readShards(index: string, json: string): Promise<ShardedHeader> {
  const { weight_map } = validate(indexSchema, parseJson(json, index), index);
  const names = [...new Set(Object.values(weight_map))].sort();
  const headers = new Map<string, SafetensorsHeader>();
  const faults: string[] = [];
  for (const name of names) {
    try {
      headers.set(name, await readSafetensorsHeader(join(dirname(index), name)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0)
    throw new UserError(
      `${index} names ${names.length} files, of which ${faults.length} cannot be read; fetch these again:${listed(faults)}`,
      { kind: 'missing', subject: index },
    );
  const tensors: SafetensorsHeader['tensors'] = new Map();
  for (const [tensor, file] of Object.entries(weight_map)) {
    const entry = headers.get(file)!.tensors.get(tensor);
    if (entry) tensors.set(tensor, entry);
    else faults.push(`${tensor} is not in ${file}`);
  }
  if (faults.length > 0)
    throw new UserError(
      `${index} does not belong to the files beside it; fetch all of them again:${listed(faults)}`,
      { kind: 'mismatch', subject: index },
    );
  const files = names.map((name) => join(dirname(index), name));
  return { tensors, metadata: {}, files, index };
}

/**
 * Reads the headers of a model's safetensors file or, if there is none, of the shards that the index beside
 * it (`PATH.index.json`) names. Throws a UserError that names every missing or truncated shard.
 */
export async function readShardedHeader(path: string): Promise<ShardedHeader> {
  try {
    return { ...(await readSafetensorsHeader(path)), files: [path] };
  } catch (error) {
    if (!(error instanceof UserError) || codeOf(error.cause) !== 'ENOENT') throw error;
    const index = indexOf(path);
    const json = await readFile(index, 'utf8').catch((reason: unknown) => {
      if (codeOf(reason) === 'ENOENT') throw error;
      throw unreadable(index, reason);
    });
    return readShards(index, json);
  }
}
