import type { Ending } from './ending.ts';
import { tolerateUnreadOutput } from './output.ts';
import { UserError } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';

/** Exit codes as a shell has them: of SIGINT, and of SIGPIPE. */
const EXIT_CODES: Record<Ending, number | undefined> = {
  done: undefined,
  interrupted: 130,
  unread: 141,
};

/** Says what went wrong: a sentence where a person can mend it, the stack of a fault of the program. */
function tell(error: unknown): void {
  const told = toldOf(error);
  console.error(told === undefined ? error : `nalu: ${told}`);
  process.exitCode = error instanceof UserError ? error.exitCode : 1;
}

/** Runs a command, which is loaded no sooner: --help needs no simulator. What it throws is told. */
export async function run(command: () => Promise<Ending>): Promise<void> {
  tolerateUnreadOutput(tell);
  // What no part of the command waits for, as a stream's error.
  process.on('uncaughtException', (error) => {
    tell(error);
    process.exit();
  });
  try {
    const ending = await command();
    process.exitCode ??= EXIT_CODES[ending];
  } catch (error) {
    tell(error);
    if (toldOf(error) === undefined) process.exit();
  }
}
