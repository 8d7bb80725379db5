import { type Hash, createHash } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import type { TensorEntry } from '../../tensors/safetensorsHeader.ts';
import { type ShardedHeader, readShardedHeader } from '../../tensors/shards.ts';
import { parseJson, validate } from '../../validate.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { CONFIG_FILE, WEIGHTS_FILE, RECORD_FILE } from './bundleFiles.ts';

const BLOCK_BYTES = 1 << 18;
const BLOCKS = 64;
/** Bytes in the middle of each tensor. */
const PROBE_BYTES = 1 << 12;

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Hashes blocks spread evenly through a file; all of it up to 16 MiB. */
const hashBlocks = (path: string, hashes: readonly Hash[]): Promise<void> =>
  withFile(path, async (file) => {
    const { size } = await file.stat();
    const block = Buffer.alloc(Math.min(BLOCK_BYTES, size));
    for (let i = 0; i < BLOCKS; i++) {
      const position = Math.floor(((size - block.length) * i) / (BLOCKS - 1));
      await file.read(block, 0, block.length, position);
      for (const hash of hashes) hash.update(block);
    }
  });

/** A hash of the middle of each tensor of a file, which any training or conversion changes. */
const hashProbes = (path: string, entries: readonly TensorEntry[]): Promise<string> =>
  withFile(path, async (file) => {
    const hash = createHash('sha256');
    const probe = Buffer.alloc(PROBE_BYTES);
    for (const { offset, bytes } of entries) {
      const length = Math.min(PROBE_BYTES, bytes);
      await file.read(probe, 0, length, offset + Math.floor((bytes - length) / 2));
      hash.update(probe.subarray(0, length));
    }
    return hash.digest('hex');
  });

/** A policy's version, and the hash of each of its weights' files by path. */
export interface Content {
  version: string;
  blocks: Map<string, string>;
}

/** Hashes policy.json and blocks spread through the weights: fast at any size, and changed by training. */
export async function contentOf(folder: string, files: readonly string[]): Promise<Content> {
  const hash = createHash('sha256').update(await readFile(join(folder, CONFIG_FILE)));
  const blocks: Content['blocks'] = new Map();
  for (const file of files) {
    const own = createHash('sha256');
    await hashBlocks(file, [hash, own]);
    blocks.set(file, own.digest('hex'));
  }
  return { version: hash.digest('hex').slice(0, 12), blocks };
}

const recordSchema = z.strictObject({
  format: z.literal(1),
  files: z.array(
    z.strictObject({
      name: z.string(),
      bytes: z.int(),
      /** ns since 1970. */
      modified: z.string(),
      /** Of blocks spread through the file. */
      blocks: z.string(),
      /** Of the middle of each tensor. */
      probes: z.string(),
    }),
  ),
});

/** The record of a bundle's weights at import. */
export type WeightsRecord = z.infer<typeof recordSchema>;

const statOf = async (path: string) => {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  return { bytes: Number(size), modified: String(mtimeNs) };
};

const entriesIn = ({ tensors }: ShardedHeader, path: string) =>
  [...tensors.values()].filter((entry) => entry.path === path);

/** Writes the record of a bundle's weights beside them. */
export async function writeWeightsRecord(folder: string): Promise<void> {
  const weights = await readShardedHeader(join(folder, WEIGHTS_FILE));
  const { blocks } = await contentOf(folder, weights.files);
  const files: WeightsRecord['files'] = [];
  for (const path of weights.files) {
    const probes = await hashProbes(path, entriesIn(weights, path));
    files.push({
      name: basename(path),
      ...(await statOf(path)),
      blocks: blocks.get(path)!,
      probes,
    });
  }
  const record: WeightsRecord = { format: 1, files };
  await writeWhole(join(folder, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`);
}

/** The known provenance of a bundle's weights; undefined if they have no other name. */
export async function readWeightsRecord(folder: string): Promise<WeightsRecord | undefined> {
  const path = join(folder, RECORD_FILE);
  if (!(await isThere(path))) return undefined;
  return validate(recordSchema, parseJson(await readFile(path, 'utf8'), path), path);
}

const changed = (folder: string, path: string, how: string) =>
  new UserError(
    `${path} is not what was imported: ${how}. It is the checkpoint's own file under a second name, unless it was copied; import the checkpoint again (nalu import CHECKPOINT --out ${folder} --force), with --copy if it is to stay while the checkpoint changes`,
    { kind: 'mismatch', subject: path },
  );

/** Throws a `UserError` for a file whose size differs from the imported one's. */
export async function checkSizes(folder: string, record: WeightsRecord): Promise<void> {
  for (const { name, bytes } of record.files) {
    const path = join(folder, name);
    const now = await statOf(path).catch(() => undefined);
    if (now && now.bytes !== bytes)
      throw changed(folder, path, `it had ${bytes} bytes and has ${now.bytes}`);
  }
}

/**
 * Throws a `UserError` for weights that differ from the imported ones. A file with another modification time,
 * such as a copy, is accepted if its content is the same; in that case the middle of each tensor is hashed
 * too.
 */
export async function checkContent(
  folder: string,
  record: WeightsRecord,
  weights: ShardedHeader,
  { blocks }: Content,
): Promise<void> {
  for (const path of weights.files) {
    const then = record.files.find(({ name }) => name === basename(path));
    if (!then) throw changed(folder, path, 'it was not among the files');
    const isSame =
      then.blocks === blocks.get(path) &&
      (then.modified === (await statOf(path)).modified ||
        then.probes === (await hashProbes(path, entriesIn(weights, path))));
    if (!isSame) throw changed(folder, path, 'its content has changed');
  }
}
