import { UserError, codeOf } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';

/** What a write fails with where nobody reads any more: a pipe, or a terminal that is gone. */
const UNREAD = ['EPIPE', 'EIO'];

const unread = new AbortController();

/** Aborts when nobody reads what is printed any more. */
export const outputUnread: AbortSignal = unread.signal;

/**
 * Lets a command go on where nobody reads what it prints any more; `tell` hears of other failures, as of a
 * full disk, once.
 */
export function tolerateUnreadOutput(tell: (error: unknown) => void): void {
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error) => {
    if (unread.signal.aborted) return;
    unread.abort();
    if (UNREAD.includes(codeOf(error) ?? '')) return;
    tell(new UserError(`what it prints cannot be written: ${reasonOf(error)}`, { cause: error }));
  });
}
