import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** A file's content by its size and SHA-256. */
export interface Digest {
  bytes: number;
  sha256: string;
}

/** Bytes that are read at a time; a smaller file takes no more than it has. */
const AT_ONCE = 2 ** 20;

/** Size and SHA-256 of a file, read in parts; rejects with the system's error. */
export async function digest(path: string): Promise<Digest> {
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(Math.min(size + 1, AT_ONCE));
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return { bytes, sha256: hash.digest('hex') };
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}
