import { UserError } from '../errors.ts';

/** What an aborted attempt ends with: the reason that was given, or that a person stopped it. */
export const whyAborted = (signal: AbortSignal | undefined): UserError =>
  signal?.reason instanceof UserError ? signal.reason : new UserError('stopped by hand');

/**
 * What waits for a promise, but no longer than until `signal` aborts; one wait at a time. `forget` lets go of
 * the signal. (A race with one promise of the whole attempt would keep every wait's result as long.)
 */
export function untilAborted(signal: AbortSignal | undefined) {
  let wake = () => {};
  const heard = () => wake();
  signal?.addEventListener('abort', heard, { once: true });
  return {
    orAborted: (awaited: Promise<unknown>) =>
      new Promise<void>((resolve, reject) => {
        wake = resolve;
        if (signal?.aborted) resolve();
        awaited.then(() => resolve(), reject);
      }),
    forget: () => signal?.removeEventListener('abort', heard),
  };
}
