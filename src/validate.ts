import type { z } from 'zod';
import { UserError } from './errors.ts';

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
