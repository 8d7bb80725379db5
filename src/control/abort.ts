import { UserError } from '../errors.ts';

/** The error that an aborted attempt ends with: the signal's reason, or "stopped by hand" if it has none. */
export const whyAborted = (signal: AbortSignal | undefined): UserError =>
  signal?.reason instanceof UserError
    ? signal.reason
    : new UserError('stopped by hand', { kind: 'ended' });

/**
 * Waits for a promise or until `signal` aborts, whichever comes first; one wait at a time. `forget` removes the
 * listener. (`Promise.race` with one promise per attempt would retain the result of every wait until its end.)
 */
export function untilAborted(signal: AbortSignal | undefined) {
  let wake = () => {};
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    orAborted: (awaited: Promise<unknown>) =>
      new Promise<void>((resolve, reject) => {
        wake = resolve;
        if (signal?.aborted) resolve();
        awaited.then(() => resolve(), reject);
      }),
    forget: () => signal?.removeEventListener('abort', onAbort),
  };
}
