import { createHash } from 'node:crypto';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError, codeOf, invalid } from '../../errors.ts';
import { discard, publish } from '../../episodes/mcap.ts';
import { reasonOf } from '../../systemErrors.ts';

/** What the other side said of a file before it sends it. */
export interface Expected {
  name: string;
  bytes: number;
  sha256: string;
}

/** A file that is arriving, part after part. */
export interface Incoming extends Expected {
  /** Bytes that are there; where the next part is to begin. */
  readonly offset: number;
  /** Bytes that are still to come; 0 once it was kept or abandoned. */
  readonly missing: number;
  /** Takes the part at `offset`; true when it was the last. Throws a `UserError`. */
  take(offset: number, data: Uint8Array): Promise<boolean>;
  /** Checks the whole, waits until it is on the disk, and gives it its name. Throws a `UserError`. */
  keep(path: string): Promise<void>;
  /** Forgets it and its file. */
  abandon(): Promise<void>;
}

const failed = (path: string, error: unknown) => {
  if (error instanceof UserError) return error;
  return new UserError(
    codeOf(error) === 'ENOSPC'
      ? `${dirname(path)}: the disk is full; free space there`
      : `${path}: cannot be written: ${reasonOf(error)}`,
    { cause: error },
  );
};

async function demandRoom(path: string, bytes: number, taken: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const free = Math.max(0, bavail * bsize - taken);
  if (free < bytes)
    throw new UserError(
      `${dirname(path)}: the disk is full: ${free} bytes are free of the ${bytes} that it takes; free space there`,
      { kind: 'unready', subject: dirname(path) },
    );
}

/**
 * Begins a file at `path`, where it stays until it is whole; of the disk's room `taken` bytes are for others that are
 * arriving. Throws a `UserError`, as for a full disk.
 */
export async function receive(path: string, expected: Expected, taken = 0): Promise<Incoming> {
  let file: FileHandle;
  try {
    await demandRoom(path, expected.bytes, taken);
    file = await open(path, 'w');
  } catch (error) {
    throw failed(path, error);
  }
  const { name, bytes, sha256 } = expected;
  const hash = createHash('sha256');
  let reached = 0;
  let isOver = false;
  return {
    ...expected,
    get offset() {
      return reached;
    },
    get missing() {
      return isOver ? 0 : bytes - reached;
    },
    async take(offset, data) {
      if (offset !== reached || offset + data.length > bytes || data.length === 0)
        throw invalid(
          name,
          `${data.length} bytes came at ${offset}, expected at ${reached} of ${bytes}; it changed while it was sent`,
        );
      try {
        for (let done = 0; done < data.length;)
          done += (await file.write(data, done, data.length - done, offset + done)).bytesWritten;
      } catch (error) {
        throw failed(path, error);
      }
      hash.update(data);
      reached += data.length;
      return reached === bytes;
    },
    async keep(to) {
      const actual = hash.digest('hex');
      if (actual !== sha256)
        throw invalid(
          name,
          `its bytes are not those that were announced (SHA-256 ${actual.slice(0, 12)}…, announced ${sha256.slice(0, 12)}…); it was damaged on its way or on the disk`,
        );
      try {
        await file.sync();
        await file.close();
        await publish(path, to);
      } catch (error) {
        throw failed(path, error);
      }
    },
    async abandon() {
      isOver = true;
      await file.close().catch(() => undefined);
      await discard(path);
    },
  };
}
