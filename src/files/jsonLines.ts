import { type FileHandle, open, readFile } from 'node:fs/promises';
import { codeOf, invalid } from '../errors.ts';
import { unwritable } from './writeWhole.ts';
import { unreadable } from '../systemErrors.ts';

const NEWLINE = 10;

/** Parses a line; undefined if it is not a JSON object. */
function objectIn(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the objects of a JSON Lines file in order; none if the file is absent. A truncated last line, as
 * after a full disk, is skipped with a call of `warn`. Throws a `UserError` that names any other line that is
 * not an object.
 */
export async function readJsonLines<T extends object>(
  path: string,
  warn: (line: string) => void = () => undefined,
): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw unreadable(path, error);
  });
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    if (line === '') return [];
    const value = objectIn(line);
    if (value) return [value as T];
    if (i < lines.length - 1)
      throw invalid(path, `line ${i + 1} is not a JSON object; mend or remove it`);
    warn(`${path}: its last line was cut off and is passed over`);
    return [];
  });
}

/** Terminates a complete last line, or removes a truncated one. */
async function endLastLine(file: FileHandle): Promise<void> {
  const bytes = await file.readFile();
  const start = bytes.lastIndexOf(NEWLINE) + 1;
  if (objectIn(bytes.toString('utf8', start))) await file.appendFile('\n');
  else await file.truncate(start);
}

/**
 * Appends lines to a JSON Lines file, creating it if absent and replacing a truncated last line. Resolves when they are
 * on the disk.
 */
export async function appendJsonLines(path: string, values: readonly object[]): Promise<void> {
  try {
    const file = await open(path, 'a+');
    try {
      const { size } = await file.stat();
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
      if (size > 0 && buffer[0] !== NEWLINE) await endLastLine(file);
      await file.appendFile(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}
