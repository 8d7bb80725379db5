import { open, stat } from 'node:fs/promises';
import { UserError } from '../errors.ts';

/** Random access to a file's bytes. */
export interface ByteSource {
  readonly size: number;
  /** `length` bytes from `at` on, or fewer at the end of the file. The bytes do not change later. */
  read(at: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Least number of bytes read at once: most reads are sequential. */
const WINDOW = 1 << 20;

/** Opens a file of any size. Keeps one window of it in memory. Throws a `UserError` for a folder or a special file. */
export async function openBytes(path: string): Promise<ByteSource> {
  // Checked before opening: opening a pipe would block until there is a writer.
  const status = await stat(path);
  if (!status.isFile())
    throw new UserError(status.isDirectory() ? 'it is a folder' : 'it is no file', {
      kind: 'invalid',
    });
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
