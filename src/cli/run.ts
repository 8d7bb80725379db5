import { CommanderError } from '@commander-js/extra-typings';
import { UserError } from '../errors.ts';
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
  /** The failure that a person can mend; undefined where there was none, or the arguments were refused. */
  failure?: UserError;
}

/** What a process exits with after a failure. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof UserError ? error.exitCode : 1;

/**
 * Runs `nalu` with these arguments in this process, and resolves when it has ended. A failure that a person can
 * mend is a sentence on `err`; a fault of the program is thrown.
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  let ending: Ending = 'done';
  const end = (one: Ending) => void (ending = one);
  const stopWarnings = onWarning((text) => print(surroundings.err, `nalu: ${text}`));
  try {
    const program = createProgram({ ...surroundings, end });
    await program.parseAsync(args, { from: 'user' });
    return { exitCode: EXIT_CODES[ending] };
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode };
    const sentence = toldOf(error);
    if (sentence === undefined) throw error;
    print(surroundings.err, `nalu: ${sentence}`);
    return {
      exitCode: exitCodeOf(error),
      ...(error instanceof UserError && { failure: error }),
    };
  } finally {
    stopWarnings();
  }
}
