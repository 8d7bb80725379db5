import { type FileHandle, open, readFile } from 'node:fs/promises';
import { UserError, codeOf } from '../errors.ts';
import { unwritable } from './writeWhole.ts';
import { reasonOf } from '../systemErrors.ts';

const NEWLINE = 10;

/** The object that a line holds; undefined where it holds none. */
function objectIn(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The objects of a file of JSON lines, in their order; none where there is no file. A last line that was cut
 * off, as by a full disk, is passed over: `say` hears of it. Throws a `UserError` that names any other line
 * that holds no object.
 */
export async function readJsonLines<T extends object>(
  path: string,
  say: (line: string) => void = () => undefined,
): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw new UserError(`${path}: cannot be read: ${reasonOf(error)}`, { cause: error });
  });
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    if (line === '') return [];
    const value = objectIn(line);
    if (value) return [value as T];
    if (i < lines.length - 1)
      throw new UserError(`${path}: line ${i + 1} is not a JSON object; mend or remove it`);
    say(`${path}: its last line was cut off and is passed over`);
    return [];
  });
}

/** Ends a last line that has no end, or cuts it off where it is not whole. */
async function endLastLine(file: FileHandle): Promise<void> {
  const bytes = await file.readFile();
  const start = bytes.lastIndexOf(NEWLINE) + 1;
  if (objectIn(bytes.toString('utf8', start))) await file.appendFile('\n');
  else await file.truncate(start);
}

/** Adds lines to such a file, made if absent, in the place of a last one that was cut off. */
export async function appendJsonLines(path: string, values: readonly object[]): Promise<void> {
  try {
    const file = await open(path, 'a+');
    try {
      const { size } = await file.stat();
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
      if (size > 0 && buffer[0] !== NEWLINE) await endLastLine(file);
      await file.appendFile(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}
