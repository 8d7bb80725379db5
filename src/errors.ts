/**
 * What a program can tell a failure by:
 * - `missing`: something that is needed is not there
 * - `exists`: something is in the place of an output
 * - `invalid`: something is wrong in itself; `fields` says what of it
 * - `mismatch`: two things do not belong together, as a policy and another robot
 * - `unsaid`: something has to be said that cannot be guessed; `fields` are the options that say it
 * - `unsupported`: neither this version of Nalu nor this machine can do it
 * - `unready`: not now, as while something else is under way
 * - `unreachable`: the other side does not answer
 * - `guarded`: the guard stopped the robot
 * - `ended`: a person ended it
 */
export type UserErrorKind =
  | 'missing'
  | 'exists'
  | 'invalid'
  | 'mismatch'
  | 'unsaid'
  | 'unsupported'
  | 'unready'
  | 'unreachable'
  | 'guarded'
  | 'ended';

/** What a `UserError` says to programs. It is stable, where the message may change. */
export interface Fault {
  kind?: UserErrorKind;
  /** What it is about: a file, a folder, an address, an option. */
  subject?: string;
  /** What of the subject is wrong, as `joints[1].lower`: fields, tensors, joints, other files. */
  fields?: readonly string[];
}

/** What a failed command prints with `--json`; what is not known of its failure is left out. */
export interface FailureLine {
  error: Fault & { message: string };
}

/** What a failed call of the system means. */
const KIND_OF_CODE: Record<string, UserErrorKind> = {
  ENOENT: 'missing',
  EEXIST: 'exists',
  ENOTDIR: 'invalid',
  EISDIR: 'invalid',
  ENOSPC: 'unready',
  EADDRINUSE: 'unready',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  ENOTFOUND: 'unreachable',
  ETIMEDOUT: 'unreachable',
};

/** What an error says to programs because of what caused it. */
function faultOf(cause: unknown): Fault {
  if (cause instanceof UserError) return cause;
  const { path } = (cause ?? {}) as NodeJS.ErrnoException;
  return { kind: KIND_OF_CODE[codeOf(cause) ?? ''], subject: path };
}

/** Something that the user can mend: its message is shown as it is, without a stack. */
export class UserError extends Error implements Fault {
  override readonly name = 'UserError';
  /** What the process exits with. */
  readonly exitCode: number;
  readonly kind: UserErrorKind | undefined;
  readonly subject: string | undefined;
  readonly fields: readonly string[];

  /** What it says to programs is by default what its cause says. */
  constructor(message: string, options: Fault & { cause?: unknown; exitCode?: number } = {}) {
    super(message, { cause: options.cause });
    const known = faultOf(options.cause);
    this.exitCode = options.exitCode ?? 1;
    this.kind = options.kind ?? known.kind;
    this.subject = options.subject ?? known.subject;
    this.fields = options.fields ?? known.fields ?? [];
  }
}

/** The error of an output that is there and may not be replaced; `remedy` is what to do. */
export const existsError = (path: string, remedy: string): UserError =>
  new UserError(`${path} is there already; ${remedy}`, { kind: 'exists', subject: path });

/** The error of something wrong in `subject`, with which its message begins; `fields` are what of it. */
export const invalid = (subject: string, message: string, ...fields: string[]): UserError =>
  new UserError(`${subject}: ${message}`, { kind: 'invalid', subject, fields });

/** The error of what cannot be done now, as while something else is under way. */
export const unready = (message: string): UserError => new UserError(message, { kind: 'unready' });

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
