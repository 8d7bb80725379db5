import { trainableSchema } from '../policy/trainable.ts';
import { readYaml } from '../validate.ts';

/** Parameters that learn where the prefix stays frozen, so that it is encoded once. */
export const behindPrefixSchema = trainableSchema.refine(
  ({ parameters }) => parameters !== 'all',
  'must be expert or lora: the prefix stays frozen',
);

/** The content of a method's YAML file, or none, and its name for errors. Throws a `UserError` for a file that cannot be read. */
export async function readSettings(
  path: string | undefined,
): Promise<{ source: string; content: object | null }> {
  if (path === undefined) return { source: 'the default configuration', content: {} };
  return { source: path, content: (await readYaml(path)) as object | null };
}
