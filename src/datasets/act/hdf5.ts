import { open } from 'node:fs/promises';
import type { Dataset as Values, File } from 'h5wasm/node';
import { UserError, invalid, messageOf } from '../../errors.ts';
import { unreadable } from '../../systemErrors.ts';

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

/** An HDF5 file that is open for reading. */
export interface Hdf5 {
  path: string;
  /** Names in a group; none if it is not there. */
  names(group: string): string[];
  /** Length of each dimension of values; undefined if they are not there. */
  shape(name: string): number[] | undefined;
  /** Rows `from` to `to`, exclusive, one after another. */
  rows(name: string, from: number, to: number): ArrayLike<number>;
  close(): void;
}

/** Throws a `UserError` if a file is not one of HDF5. */
async function checkSignature(path: string): Promise<void> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const { buffer } = await file.read(Buffer.alloc(SIGNATURE.length), 0, SIGNATURE.length, 0);
    if (!buffer.equals(SIGNATURE)) throw invalid(path, 'is not a file of HDF5');
  } finally {
    await file.close();
  }
}

/** Opens an HDF5 file. Values are read as they are asked for. Throws a `UserError` that names it. */
export async function openHdf5(path: string): Promise<Hdf5> {
  await checkSignature(path);
  const h5wasm = await import('h5wasm/node');
  const module = await h5wasm.ready;
  // Otherwise the library prints its errors.
  module.activate_throwing_error_handler();
  const failed = (error: unknown) =>
    new UserError(`${path}: is not readable as HDF5: ${messageOf(error).split('\n')[0]}`, {
      cause: error,
      kind: 'invalid',
      subject: path,
    });
  let file: File;
  try {
    file = new h5wasm.File(path, 'r');
  } catch (error) {
    throw failed(error);
  }
  const found = (name: string) => {
    try {
      return file.get(name);
    } catch {
      return null;
    }
  };
  return {
    path,
    names: (group) => {
      const entry = found(group);
      return entry instanceof h5wasm.Group ? entry.keys() : [];
    },
    shape: (name) => {
      const entry = found(name);
      return entry instanceof h5wasm.Dataset ? (entry.shape ?? undefined) : undefined;
    },
    rows(name, from, to) {
      try {
        return (file.get(name) as Values).slice([[from, to]]) as ArrayLike<number>;
      } catch (error) {
        throw failed(error);
      }
    },
    close: () => void file.close(),
  };
}
