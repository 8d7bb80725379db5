/** Something that the user can mend: its message is shown as it is, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** What the process exits with. */
  readonly exitCode: number;

  constructor(message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The message of anything thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** The system's code of a failed call, as `ENOSPC`; undefined if it has none. */
export const codeOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;

/** What a list of faults is cut to. */
const MOST_FAULTS = 20;

/** Faults, a line each; the first ones of very many. */
export const listed = (faults: readonly string[]): string =>
  faults
    .slice(0, MOST_FAULTS)
    .concat(faults.length > MOST_FAULTS ? [`and ${faults.length - MOST_FAULTS} more`] : [])
    .map((fault) => `\n  ${fault}`)
    .join('');
