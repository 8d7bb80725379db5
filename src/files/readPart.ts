import { open } from 'node:fs/promises';

/** Bytes of a file from `offset`, at most so many; fewer at its end. */
export async function readPart(path: string, offset: number, most: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const buffer = new Uint8Array(Math.max(0, Math.min(most, size - offset)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
