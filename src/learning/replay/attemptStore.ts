import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, messageOf } from '../../errors.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { jsonText } from '../../tensors/jsonText.ts';
import {
  type TensorEntry,
  loadTensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../../tensors/safetensors.ts';
import { parseJson } from '../../validate.ts';
import type { Rollout, RolloutChunk } from '../attempts/rollout.ts';

/** What a prefix is encoded to: most of an attempt's bytes. */
const PREFIX = ['cache', 'valid'] as const;
/** The other arrays that all chunks of a policy have alike. */
const ARRAYS = ['pooled', 'state', 'actions', 'noise', 'mask', 'committed'] as const;

/** A chunk of a kept attempt, without its prefix, which stays on disk. */
export type KeptChunk = Omit<RolloutChunk, (typeof PREFIX)[number]>;

/** A kept attempt. */
export interface KeptAttempt extends Omit<Rollout, 'chunks'> {
  chunks: readonly KeptChunk[];
  /** Its file, in the store's folder. */
  file: string;
}

/** A chunk of an attempt, by its place there. */
export interface ChunkPlace {
  attempt: KeptAttempt;
  index: number;
}

/** Attempts that were learned from, encoded, to learn from them again. */
export interface AttemptStore {
  /** Oldest first. */
  attempts(): readonly KeptAttempt[];
  /**
   * Keeps attempts on disk; those that are known stay as they are. The oldest go where there would be more bytes than
   * the store may have. Throws a `UserError` where a file cannot be written.
   */
  keep(attempts: readonly Rollout[]): Promise<void>;
  /** Chunks with their prefixes. Throws a `UserError` for a file that is damaged. */
  load(places: readonly ChunkPlace[]): Promise<RolloutChunk[]>;
}

const FORMAT = 'nalu-attempt-1';
const FILE = /^(\d{8})\.safetensors$/;
const nameOf = (number: number) => `${String(number).padStart(8, '0')}.safetensors`;

/** Parts of a chunk that are not in ARRAYS or PREFIX, as JSON has them. */
type Rest = Omit<KeptChunk, (typeof ARRAYS)[number]>;

const floats = (numbers: readonly number[]) => Float32Array.from(numbers);

/** A chunk's rest as it was before it became JSON. */
const restored = ({ view, offset, join: joined, ...rest }: Rest): Rest => ({
  ...rest,
  ...(view && { view: floats([...view]) }),
  ...(offset && { offset: floats([...offset]) }),
  ...(joined && {
    join: {
      kind: joined.kind,
      previous: floats([...joined.previous]),
      weights: floats([...joined.weights]),
    },
  }),
});

const restOf = (chunk: RolloutChunk): Rest => {
  const heavy: readonly string[] = [...PREFIX, ...ARRAYS];
  return Object.fromEntries(Object.entries(chunk).filter(([name]) => !heavy.includes(name))) as unknown as Rest; // prettier-ignore
};

async function write(file: string, base: string, { chunks, ...attempt }: Rollout): Promise<void> {
  const tensors = [...ARRAYS, ...PREFIX].map((name) => {
    const arrays = chunks.map((chunk) => chunk[name]);
    const { length } = arrays[0];
    const shape = [chunks.length, length];
    const data = new (name === 'valid' ? Uint8Array : Float32Array)(chunks.length * length);
    arrays.forEach((array, i) => data.set(array, i * length));
    return { name, shape, data };
  });
  await writeSafetensors(file, tensors, {
    ...{ format: FORMAT, base },
    attempt: jsonText({ ...attempt, chunks: chunks.map(restOf) }),
  });
}

/** The part of a stacked tensor that is of one chunk. */
function rowOf({ shape, offset, bytes, ...entry }: TensorEntry, row: number): TensorEntry {
  const size = bytes / shape[0];
  return { ...entry, shape: shape.slice(1), offset: offset + row * size, bytes: size };
}

/** Reads an attempt without its prefixes. Throws a `UserError` for a file of another policy. */
async function read(file: string, base: string): Promise<KeptAttempt> {
  const { tensors, metadata } = await readSafetensorsHeader(file);
  if (metadata.format !== FORMAT || metadata.base !== base)
    throw new UserError(
      `${file}: an attempt of the policy ${metadata.base}, this one is ${base}; move the folder away, or choose another`,
      { kind: 'mismatch', subject: file },
    );
  const { chunks, ...attempt } = parseJson(metadata.attempt, file) as Omit<Rollout, 'chunks'> & { chunks: Rest[] }; // prettier-ignore
  const stacked = await loadTensors(ARRAYS.map((name) => tensors.get(name)!));
  const arraysOf = (row: number) =>
    Object.fromEntries(
      ARRAYS.map((name, k) => {
        const { data, shape } = stacked[k];
        return [name, (data as Float32Array).slice(row * shape[1], (row + 1) * shape[1])];
      }),
    ) as Pick<KeptChunk, (typeof ARRAYS)[number]>;
  return {
    ...attempt,
    file,
    chunks: chunks.map((rest, row) => ({ ...restored(rest), ...arraysOf(row) })),
  };
}

async function loadChunk({ attempt, index }: ChunkPlace): Promise<RolloutChunk> {
  const { tensors } = await readSafetensorsHeader(attempt.file);
  const [cache, valid] = await loadTensors(PREFIX.map((name) => rowOf(tensors.get(name)!, index)));
  return {
    ...attempt.chunks[index],
    cache: cache.data as Float32Array,
    valid: valid.data as Uint8Array,
  };
}

/** Opens the store of a policy, with `base` its version, in a folder; `bytes` is what its files may take. */
export async function openAttemptStore(
  folder: string,
  base: string,
  bytes: number,
): Promise<AttemptStore> {
  await makeFolder(folder);
  const names = (await readdir(folder)).filter((name) => FILE.test(name)).sort();
  const kept: KeptAttempt[] = [];
  const sizes = new Map<string, number>();
  for (const name of names) {
    const file = join(folder, name);
    kept.push(await read(file, base));
    sizes.set(file, (await stat(file)).size);
  }
  let next = names.length === 0 ? 0 : Number(FILE.exec(names.at(-1)!)![1]) + 1;

  /** Removes the oldest attempts until the others fit; the newest one always stays. */
  const makeRoom = async () => {
    const total = () => [...sizes.values()].reduce((sum, size) => sum + size, 0);
    while (kept.length > 1 && total() > bytes) {
      const [{ file }] = kept.splice(0, 1);
      sizes.delete(file);
      await rm(file, { force: true });
    }
  };

  return {
    attempts: () => kept,
    async keep(attempts) {
      const known = new Set(kept.map(({ id }) => id));
      for (const attempt of attempts) {
        if (known.has(attempt.id) || attempt.chunks.length === 0) continue;
        known.add(attempt.id);
        const file = join(folder, nameOf(next++));
        await write(file, base, attempt).catch((error: unknown) => {
          throw new UserError(`${file}: the attempt cannot be kept: ${messageOf(error)}`, {
            cause: error,
            subject: file,
          });
        });
        sizes.set(file, (await stat(file)).size);
        kept.push(await read(file, base));
        await makeRoom();
      }
    },
    load: (places) => Promise.all(places.map(loadChunk)),
  };
}
