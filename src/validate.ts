import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError, messageOf } from './errors.ts';
import { LFS_REMEDY, isLfsPointer } from './files/lfsPointer.ts';
import { unreadable } from './systemErrors.ts';

const readable = (path: readonly PropertyKey[]): string =>
  path
    .map((key, index) =>
      typeof key === 'number' ? `[${key}]` : index ? `.${String(key)}` : String(key),
    )
    .join('');

/** The fields that an issue is about: those that are not known, or the one that is wrong; none where it is the whole. */
const fieldsOf = (issue: z.core.$ZodIssue): string[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => readable([...issue.path, key]))
    : issue.path.length > 0
      ? [readable(issue.path)]
      : [];

/** Checks what a user wrote. The `UserError` names `source` and the path to each wrong field, a line each. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, source: string): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const lines = checked.error.issues.map(
    ({ path, message }) => `${source}: ${path.length > 0 ? `${readable(path)}: ` : ''}${message}`,
  );
  throw new UserError(lines.join('\n'), {
    cause: checked.error,
    kind: 'invalid',
    subject: source,
    fields: [...new Set(checked.error.issues.flatMap(fieldsOf))],
  });
}

/** The schema that a value chooses by what it is, so that faults name the fields of that one alone. */
export const chosen = <T>(choose: (value: object) => z.ZodType<T>) =>
  z.unknown().transform((value, context): T => {
    const given = typeof value === 'object' && value !== null ? value : {};
    const checked = choose(given).safeParse(value);
    if (checked.success) return checked.data;
    for (const issue of checked.error.issues)
      context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });

/** Strings, which are left alone, and the numbers that Python's json module writes beyond JSON. */
const PYTHON_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;
/** The key of an object that stands for such a number while the text is parsed. */
const NUMBER = '\0number';
const BYTE_ORDER_MARK = /^\uFEFF/;

/** Parses JSON as Python writes it, with NaN and infinities. Throws a `SyntaxError`. */
function parsePython(text: string): unknown {
  const plain = text
    .replace(BYTE_ORDER_MARK, '')
    .replace(PYTHON_NUMBERS, (token) =>
      token.startsWith('"') ? token : JSON.stringify({ [NUMBER]: token }),
    );
  return JSON.parse(plain, (_, value: unknown) =>
    typeof value === 'object' && value !== null && NUMBER in value ? Number(value[NUMBER]) : value,
  );
}

/** Where in a value the first number is that JSON does not know; undefined if there is none. */
function findNonFinite(value: unknown, path: PropertyKey[] = []): PropertyKey[] | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inside] of Object.entries(value)) {
    const found = findNonFinite(inside, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found) return found;
  }
  return undefined;
}

/** Why a text is not JSON. */
function jsonFault(text: string, error: unknown): string {
  if (isLfsPointer(text)) return LFS_REMEDY;
  if (text.trim() === '') return 'is empty';
  try {
    const path = findNonFinite(parsePython(text));
    if (path)
      return `is not JSON: ${readable(path) || 'it'} is NaN or infinite, which Python writes and JSON does not know`;
  } catch {
    // Something else is wrong.
  }
  return `is not JSON: ${messageOf(error)}`;
}

/** Parses JSON; `source` names it in the error. */
export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text.replace(BYTE_ORDER_MARK, ''));
  } catch (error) {
    throw new UserError(`${source} ${jsonFault(text, error)}`, {
      cause: error,
      kind: 'invalid',
      subject: source,
    });
  }
}

/** Parses JSON, or what Python writes in its place: NaN and infinities among the numbers. */
export function parsePythonJson(text: string, source: string): unknown {
  try {
    return parsePython(text);
  } catch {
    return parseJson(text, source);
  }
}

const readText = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(path, error);
  });

/** Reads a JSON file. */
export const readJson = async (path: string): Promise<unknown> =>
  parseJson(await readText(path), path);

/** Reads a JSON file that Python may have written. */
export const readPythonJson = async (path: string): Promise<unknown> =>
  parsePythonJson(await readText(path), path);

/** Reads a YAML file. Its parser is loaded with the first: most processes read none. */
export async function readYaml(path: string): Promise<unknown> {
  const { parseYaml } = await import('./yaml.ts');
  return parseYaml(await readText(path), path);
}
