import { CommanderError } from '@commander-js/extra-typings';
import { type FailureLine, UserError } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';
import { onWarning } from '../warnings.ts';
import { print } from '../terminal/output.ts';
import type { Ending, Surroundings } from './context.ts';
import { createProgram } from './program.ts';

/** Exit codes as a shell has them: of SIGINT, and of SIGPIPE. */
export const EXIT_CODES: Record<Ending, number> = { done: 0, interrupted: 130, unread: 141 };

/** How a run of the command line ended. */
export interface Ended {
  exitCode: number;
  /** The failure that a person can mend. */
  failure?: UserError;
}

/** What a process exits with after a failure. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof UserError ? error.exitCode : 1;

/** The failure of refused arguments: of the option that the parser names, if it names one. */
const refusalOf = ({ message, exitCode }: CommanderError): UserError =>
  new UserError(message.replace(/^(error|nalu): /, ''), {
    ...{ kind: 'invalid', exitCode },
    subject: /--[a-z][a-z-]*/.exec(message)?.[0],
  });

/** The failure that a person can mend; undefined for a fault of the program. */
function failureOf(thrown: unknown): UserError | undefined {
  if (thrown instanceof UserError) return thrown;
  if (thrown instanceof CommanderError) return refusalOf(thrown);
  const sentence = toldOf(thrown);
  return sentence === undefined ? undefined : new UserError(sentence, { cause: thrown });
}

const lineOf = ({ kind, subject, fields, message }: UserError): FailureLine => ({
  error: { kind, subject, fields, message },
});

/**
 * Runs `nalu` with these arguments in this process, and resolves when it has ended. A failure that a person can
 * mend is a sentence on `err`, and with `--json` also the last line on `out`; a fault of the program is thrown.
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const { out, err } = surroundings;
  let ending: Ending = 'done';
  const end = (one: Ending) => void (ending = one);
  const stopWarnings = onWarning((text) => print(err, `nalu: ${text}`));
  try {
    const program = createProgram({ ...surroundings, end });
    await program.parseAsync(args, { from: 'user' });
    return { exitCode: EXIT_CODES[ending] };
  } catch (error) {
    const isRefusal = error instanceof CommanderError;
    // As --help and --version end.
    if (isRefusal && error.exitCode === 0) return { exitCode: 0 };
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    // A refusal is printed by the parser.
    if (!isRefusal) print(err, `nalu: ${failure.message}`);
    if (args.includes('--json')) print(out, JSON.stringify(lineOf(failure)));
    return { exitCode: failure.exitCode, failure };
  } finally {
    stopWarnings();
  }
}
