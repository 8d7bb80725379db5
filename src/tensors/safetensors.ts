import { type FileHandle, open } from 'node:fs/promises';
import { UserError, invalid } from '../errors.ts';
import { LFS_BYTES, LFS_REMEDY, isLfsPointer } from '../files/lfsPointer.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { arranged } from './arrange.ts';
import {
  ARRAYS,
  DTYPES,
  type Dtype,
  type LoadedTensor,
  type TensorData,
  nativeDtype,
} from './dtype.ts';
import {
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  type SafetensorsHeader,
  type TensorEntry,
  encodeHeader,
  parseHeader,
  tensorBytes,
} from './safetensorsHeader.ts';
import { isSystemError, reasonOf, unreadable } from '../systemErrors.ts';

export type { SafetensorsHeader, TensorEntry } from './safetensorsHeader.ts';

/** Blocks of a tensor's elements, in order. */
export type Parts = Iterable<TensorData> | AsyncIterable<TensorData>;

/** A tensor to write. */
export interface TensorSource {
  name: string;
  shape: readonly number[];
  /** The elements, or a function that loads them when they are written, whole or in blocks. */
  data: TensorData | (() => TensorData | Promise<TensorData> | Parts);
  /** Required if `data` is a function or holds bit patterns (`F16`, `BF16`) or booleans (`BOOL`). */
  dtype?: Dtype;
}

/** Largest read or write: one system call transfers less than 2 GiB. */
const MAX_TRANSFER_BYTES = 2 ** 30;

async function readFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MAX_TRANSFER_BYTES);
    const { bytesRead } = await file.read(bytes, done, length, position + done);
    if (bytesRead === 0)
      throw new UserError(`the file ends before byte ${position + bytes.length}`);
    done += bytesRead;
  }
}

async function headerOf(file: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  const beginning = Buffer.alloc(Math.min(LFS_BYTES, size));
  await readFully(file, beginning, 0);
  if (isLfsPointer(beginning.toString()))
    throw new UserError(`${path} ${LFS_REMEDY}`, { kind: 'invalid', subject: path });
  if (size < LENGTH_BYTES) throw invalid(path, `${size} bytes are too few for a safetensors file`);
  const prefix = Buffer.alloc(LENGTH_BYTES);
  await readFully(file, prefix, 0);
  const length = prefix.readBigUInt64LE();
  if (length > size - LENGTH_BYTES || length > MAX_HEADER_BYTES)
    throw invalid(
      path,
      `announces a header of ${length} bytes in a file of ${size}; it is cut short or no safetensors file`,
    );
  const header = Buffer.alloc(Number(length));
  await readFully(file, header, LENGTH_BYTES);
  return parseHeader(header.toString(), LENGTH_BYTES + header.length, size, path);
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be opened: ${reasonOf(error)}`, {
      cause: error,
      subject: path,
    });
  });
  try {
    return await use(file);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** Reads a safetensors file's header. Throws a UserError that names file and tensor. */
export function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return withFile(path, (file) => headerOf(file, path));
}

/** Reads one tensor's elements from an open file. */
export async function readTensor(file: FileHandle, entry: TensorEntry): Promise<TensorData> {
  const buffer = new ArrayBuffer(entry.bytes);
  await readFully(file, new Uint8Array(buffer), entry.offset);
  const data = new ARRAYS[entry.dtype](buffer);
  return entry.arrangement ? arranged(data, entry.arrangement) : data;
}

const loadTensor = async (file: FileHandle, entry: TensorEntry): Promise<LoadedTensor> => ({
  dtype: entry.dtype,
  shape: entry.shape,
  data: await readTensor(file, entry),
});

/** Reads a whole safetensors file into memory; for small ones. */
export function loadSafetensors(
  path: string,
): Promise<{ tensors: Map<string, LoadedTensor>; metadata: Record<string, string> }> {
  return withFile(path, async (file) => {
    const { tensors, metadata } = await headerOf(file, path);
    const loaded = new Map<string, LoadedTensor>();
    for (const [name, entry] of tensors) loaded.set(name, await loadTensor(file, entry));
    return { tensors: loaded, metadata };
  });
}

/** Reads one tensor in blocks of at most so many elements. */
export async function* readParts(entry: TensorEntry, most: number): AsyncGenerator<TensorData> {
  const width = DTYPES[entry.dtype];
  const file = await open(entry.path);
  try {
    if (entry.arrangement) {
      const whole = await readTensor(file, entry);
      for (let from = 0; from < whole.length; from += most) yield whole.subarray(from, from + most);
      return;
    }
    for (let from = 0; from < entry.bytes; from += most * width) {
      const bytes = Math.min(most * width, entry.bytes - from);
      yield await readTensor(file, { ...entry, offset: entry.offset + from, bytes });
    }
  } finally {
    await file.close();
  }
}

/** Reads tensors from one file or several shards. */
export async function loadTensors(entries: readonly TensorEntry[]): Promise<LoadedTensor[]> {
  const loaded = new Map<TensorEntry, LoadedTensor>();
  for (const path of new Set(entries.map((entry) => entry.path))) {
    await withFile(path, async (file) => {
      for (const entry of entries.filter((one) => one.path === path)) {
        loaded.set(entry, await loadTensor(file, entry));
      }
    });
  }
  return entries.map((entry) => loaded.get(entry)!);
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MAX_TRANSFER_BYTES);
    done += (await file.write(bytes, done, length)).bytesWritten;
  }
}

function resolveDtype({ name, data, dtype }: TensorSource): Dtype {
  if (dtype) return dtype;
  if (typeof data === 'function') throw new Error(`tensor ${name}: give its dtype`);
  return nativeDtype(data);
}

async function writeTensor(file: FileHandle, tensor: TensorSource & { dtype: Dtype }) {
  const { name, dtype, shape } = tensor;
  const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
  const expected = tensorBytes(dtype, shape);
  let written = 0;
  const check = (isRight: boolean, bytes: number) => {
    if (!isRight)
      throw new Error(
        `tensor ${name} has ${bytes} bytes, but ${dtype} of [${shape.join(', ')}] takes ${expected}`,
      );
  };
  for await (const part of ArrayBuffer.isView(data) ? [data] : data) {
    check(written + part.byteLength <= expected, written + part.byteLength);
    await writeFully(file, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    written += part.byteLength;
  }
  check(written === expected, written);
}

/**
 * Writes tensors in the given order, data aligned to 64 bytes. The write is atomic and durable: readers of
 * `path` see the old file until the new one is complete and on disk.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorSource[],
  metadata: Record<string, string> = {},
): Promise<void> {
  const typed = tensors.map((tensor) => ({ ...tensor, dtype: resolveDtype(tensor) }));
  const header = encodeHeader(typed, metadata);
  await writeWhole(path, async (file) => {
    await writeFully(file, header);
    for (const tensor of typed) await writeTensor(file, tensor);
  });
}
