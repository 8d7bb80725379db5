import { open, stat } from 'node:fs/promises';
import { UserError } from '../errors.ts';

/** A file's bytes at any place. */
export interface ByteSource {
  readonly size: number;
  /** `length` bytes from `at` on, or fewer where the file ends. They stay as they are. */
  read(at: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Bytes that are read at once where less is asked for: most reads go through a file in its order. */
const WINDOW = 1 << 20;

/** Opens a file of any size, of which no more than one window is in memory. */
export async function openBytes(path: string): Promise<ByteSource> {
  // Before it is opened: a pipe would wait for somebody who writes.
  const status = await stat(path);
  if (!status.isFile())
    throw new UserError(status.isDirectory() ? 'it is a folder' : 'it is no file');
  const file = await open(path, 'r');
  const { size } = await file.stat();
  let window = { at: 0, bytes: Buffer.alloc(0) };

  const load = async (at: number, length: number) => {
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - at)));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return { at, bytes: bytes.subarray(0, done) };
  };

  return {
    size,
    async read(at, length) {
      const end = Math.min(at + length, size);
      if (at < window.at || end > window.at + window.bytes.length)
        window = await load(at, Math.max(length, WINDOW));
      return window.bytes.subarray(at - window.at, Math.max(at, end) - window.at);
    },
    close: () => file.close(),
  };
}
