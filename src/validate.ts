import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { z } from 'zod';
import { UserError, messageOf } from './errors.ts';

const readable = (path: readonly PropertyKey[]): string =>
  path
    .map((key, index) =>
      typeof key === 'number' ? `[${key}]` : index ? `.${String(key)}` : String(key),
    )
    .join('');

/** Checks what a user wrote. The `UserError` names `source` and the path to each wrong field, a line each. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, source: string): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const lines = checked.error.issues.map(
    ({ path, message }) => `${source}: ${path.length > 0 ? `${readable(path)}: ` : ''}${message}`,
  );
  throw new UserError(lines.join('\n'), { cause: checked.error });
}

/** Parses JSON; `source` names it in the error. */
export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${source} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** Reads a JSON file. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  return parseJson(text, path);
}

/** Parses YAML; `source` names it in the error. */
export function parseYaml(text: string, source: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new UserError(`${source}: not readable as YAML: ${messageOf(error)}`, { cause: error });
  }
}

/** Reads a YAML file. */
export async function readYaml(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  return parseYaml(text, path);
}
