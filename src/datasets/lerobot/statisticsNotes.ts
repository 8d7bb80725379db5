import { join } from 'node:path';
import { isThere } from '../../files/isThere.ts';
import { readPythonJson } from '../../validate.ts';
import { ACTION, STATE, V3_FILES } from './layout.ts';

/** Whether each number in a value, however deep, is finite. */
const isWhole = (value: unknown): boolean =>
  Array.isArray(value) ? value.every(isWhole) : Number.isFinite(value);

/**
 * What a person should know of a data set's statistics: where they hold something else than numbers. Nalu does not
 * read them: it computes its own from what it learns from.
 */
export async function statisticsNotes(folder: string): Promise<string[]> {
  const path = join(folder, V3_FILES.statistics);
  if (!(await isThere(path))) return [];
  const statistics = (await readPythonJson(path)) as Record<string, Record<string, unknown>>;
  return [STATE, ACTION].flatMap((feature) =>
    Object.entries(statistics[feature] ?? {})
      .filter(([, value]) => !isWhole(value))
      .map(
        ([name]) =>
          `${path}: ${feature}.${name} is not all numbers; Nalu does not read it, and computes its own`,
      ),
  );
}
