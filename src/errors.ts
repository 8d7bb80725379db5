/** What a program can tell a failure by: something is in the place of an output; the guard stopped the robot. */
export type UserErrorKind = 'exists' | 'guarded';

/** Something that the user can mend: its message is shown as it is, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** What the process exits with. */
  readonly exitCode: number;
  /** Stable, where the message may change. */
  readonly kind: UserErrorKind | undefined;

  constructor(
    message: string,
    options: { cause?: unknown; exitCode?: number; kind?: UserErrorKind } = {},
  ) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
    this.kind = options.kind;
  }
}

/** The error of an output that is there and may not be replaced; `remedy` is what to do. */
export const existsError = (path: string, remedy: string): UserError =>
  new UserError(`${path} is there already; ${remedy}`, { kind: 'exists' });

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
