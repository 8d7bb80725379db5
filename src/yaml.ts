import { parse } from 'yaml';
import { UserError, messageOf } from './errors.ts';

/** Parses YAML; `source` names it in the error. */
export function parseYaml(text: string, source: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new UserError(`${source}: not readable as YAML: ${messageOf(error)}`, {
      cause: error,
      kind: 'invalid',
      subject: source,
    });
  }
}
