import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A file's content by its size and SHA-256. */
export interface Digest {
  bytes: number;
  sha256: string;
}

/** Size and SHA-256 of a file, read in parts; rejects with the system's error. */
export async function digest(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    hash.update(part as Buffer);
    bytes += (part as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
