import { UserError, invalid } from '../errors.ts';
import { METHOD_NAMES } from './methodNames.ts';

/** Methods of a state's format that is named after none of them. */
const SHARED: Readonly<Record<string, readonly string[]>> = { displacement: ['view', 'offset'] };

/** The methods that write states of a format of any version; none where it is no method's. */
function methodsOf(format = ''): readonly string[] {
  const name = /^nalu-(.+)-\d+$/.exec(format)?.[1] ?? '';
  return SHARED[name] ?? METHOD_NAMES.filter((method) => method === name);
}

/** Throws a `UserError` where a file is of another format than `expected`: it names the method that it belongs to. */
export function demandFormat(path: string, format: string | undefined, expected: string): void {
  if (format === expected) return;
  const theirs = methodsOf(format).join(' or ');
  if (theirs === '' || theirs === methodsOf(expected).join(' or '))
    throw invalid(path, `not a checkpoint of this version of Nalu (${expected}); choose another folder`); // prettier-ignore
  throw new UserError(
    `${path}: the state of --method ${theirs}; go on with that method, or choose another folder`,
    { kind: 'mismatch', subject: path, fields: ['--method'] },
  );
}
